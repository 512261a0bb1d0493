/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interaction.c: path and method looked up in the table, then the few things
 * that depend on parameters and header fields.
 *
 * A new interaction is a row of the table; a new kind of segment is a bit and
 * a line where shape_classify() looks.
 */
#include "core/interaction.h"
#include "core/path.h"

#include <apr_cstr.h>

/* What a segment can be; several bits for one that can be several things. */
#define SEG_TYPE        0x001u /* resource type */
#define SEG_COMPARTMENT 0x002u /* resource type that has a compartment */
#define SEG_ID          0x004u
#define SEG_VID         0x008u
#define SEG_OPERATION   0x010u
#define SEG_HISTORY     0x020u
#define SEG_SEARCH      0x040u
#define SEG_METADATA    0x080u
#define SEG_WELL_KNOWN  0x100u
#define SEG_SMART       0x200u
#define SEG_STAR        0x400u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SEG_DEPTH 4 /* segments of the deepest interaction */

#define GET    0x01u
#define POST   0x02u
#define PUT    0x04u
#define PATCH  0x08u
#define DELETE 0x10u

typedef enum {
    QUERY_REFUSED = 0, /* presentation only */
    QUERY_FREE,        /* whatever: judged by the decision */
    QUERY_CRITERIA     /* makes it conditional; required */
} query_e;

typedef struct row_t {
    unsigned segments[SEG_DEPTH]; /* as many as the table is for */
    unsigned methods;
    smart_interaction_e kind;
    smart_level_e level;
    query_e query;
    bool form; /* when it is a POST */
} row_t;

#define KIND(name)  SMART_INTERACTION_##name
#define LEVEL(name) SMART_LEVEL_##name

/* clang-format off */
static const row_t of_base[] = {
    {{0}, GET, KIND(SEARCH_SYSTEM), LEVEL(SYSTEM), QUERY_FREE, false},
    {{0}, POST, KIND(BATCH), LEVEL(SYSTEM), QUERY_REFUSED, false},
    {{0}, DELETE, KIND(DELETE), LEVEL(SYSTEM), QUERY_CRITERIA, false},
};

static const row_t of_one[] = {
    {{SEG_TYPE}, GET, KIND(SEARCH_TYPE), LEVEL(TYPE), QUERY_FREE, false},
    {{SEG_TYPE}, POST, KIND(CREATE), LEVEL(TYPE), QUERY_REFUSED, false},
    {{SEG_TYPE}, PUT, KIND(UPDATE), LEVEL(TYPE), QUERY_CRITERIA, false},
    {{SEG_TYPE}, PATCH, KIND(PATCH), LEVEL(TYPE), QUERY_CRITERIA, false},
    {{SEG_TYPE}, DELETE, KIND(DELETE), LEVEL(TYPE), QUERY_CRITERIA, false},
    {{SEG_METADATA},
     GET, KIND(CAPABILITIES), LEVEL(SYSTEM), QUERY_FREE, false},
    {{SEG_HISTORY},
     GET, KIND(HISTORY_SYSTEM), LEVEL(SYSTEM), QUERY_FREE, false},
    {{SEG_SEARCH},
     GET | POST, KIND(SEARCH_SYSTEM), LEVEL(SYSTEM), QUERY_FREE, true},
    {{SEG_OPERATION},
     GET | POST, KIND(OPERATION), LEVEL(SYSTEM), QUERY_FREE, false},
};

static const row_t of_two[] = {
    {{SEG_TYPE, SEG_ID}, GET, KIND(READ), LEVEL(INSTANCE), QUERY_FREE, false},
    {{SEG_TYPE, SEG_ID},
     PUT, KIND(UPDATE), LEVEL(INSTANCE), QUERY_REFUSED, false},
    {{SEG_TYPE, SEG_ID},
     PATCH, KIND(PATCH), LEVEL(INSTANCE), QUERY_REFUSED, false},
    {{SEG_TYPE, SEG_ID},
     DELETE, KIND(DELETE), LEVEL(INSTANCE), QUERY_REFUSED, false},
    {{SEG_TYPE, SEG_SEARCH},
     GET | POST, KIND(SEARCH_TYPE), LEVEL(TYPE), QUERY_FREE, true},
    {{SEG_TYPE, SEG_HISTORY},
     GET, KIND(HISTORY_TYPE), LEVEL(TYPE), QUERY_FREE, false},
    {{SEG_TYPE, SEG_OPERATION},
     GET | POST, KIND(OPERATION), LEVEL(TYPE), QUERY_FREE, false},
    {{SEG_WELL_KNOWN, SEG_SMART},
     GET, KIND(DISCOVERY), LEVEL(SYSTEM), QUERY_FREE, false},
};

static const row_t of_three[] = {
    {{SEG_TYPE, SEG_ID, SEG_HISTORY},
     GET, KIND(HISTORY_INSTANCE), LEVEL(INSTANCE), QUERY_FREE, false},
    {{SEG_TYPE, SEG_ID, SEG_OPERATION},
     GET | POST, KIND(OPERATION), LEVEL(INSTANCE), QUERY_FREE, false},
    {{SEG_COMPARTMENT, SEG_ID, SEG_TYPE | SEG_STAR},
     GET, KIND(SEARCH_COMPARTMENT), LEVEL(TYPE), QUERY_FREE, false},
};

static const row_t of_four[] = {
    {{SEG_TYPE, SEG_ID, SEG_HISTORY, SEG_VID},
     GET, KIND(VREAD), LEVEL(INSTANCE), QUERY_FREE, false},
    {{SEG_COMPARTMENT, SEG_ID, SEG_TYPE, SEG_SEARCH},
     POST, KIND(SEARCH_COMPARTMENT), LEVEL(TYPE), QUERY_FREE, true},
};
/* clang-format on */

/* By the number of segments. */
static const struct {
    const row_t *rows;
    apr_size_t count;
} tables[SEG_DEPTH + 1] = {
    {of_base, COUNT(of_base)}, {of_one, COUNT(of_one)},
    {of_two, COUNT(of_two)},   {of_three, COUNT(of_three)},
    {of_four, COUNT(of_four)},
};

/* A request, as far as path and method tell. */
typedef struct shape_t {
    unsigned method; /* one bit; 0: OPTIONS, or none of ours */
    smart_path_t path;
    unsigned classes[SEG_DEPTH];
    smart_type_t types[SEG_DEPTH];
} shape_t;

/* ---- words ---- */

static bool is_one_of(smart_slice_t word, const char *const *words)
{
    for (; *words; words++) {
        if (smart_slice_is(word, *words)) {
            return true;
        }
    }
    return false;
}

static bool is_presentation(smart_slice_t name)
{
    static const char *const names[] = {"_format", "_pretty", NULL};

    return is_one_of(name, names);
}

/* Parameters with "_" that select resources, or bound how many. */
static bool is_common_criterion(smart_slice_t base)
{
    static const char *const names[] = {
        "_id",      "_lastUpdated", "_tag",  "_profile",  "_security",
        "_source",  "_has",         "_type", "_filter",   "_text",
        "_content", "_list",        "_in",   "_language", NULL};

    return is_one_of(base, names);
}

static bool has_compartment(smart_type_t type)
{
    switch (type) {
    case SMART_FHIR_PATIENT:
    case SMART_FHIR_ENCOUNTER:
    case SMART_FHIR_RELATED_PERSON:
    case SMART_FHIR_PRACTITIONER:
    case SMART_FHIR_DEVICE:
        return true;
    }
    return false;
}

bool smart_interaction_page_param(smart_slice_t name)
{
    static const char *const names[] = {
        "_getpages", "_getpagesoffset", "_page", "_cursor", "_offset",
        "ct",        "_bundletype",     NULL};

    return is_one_of(name, names);
}

/* ---- method and path ---- */

static void method_read(const char *method, shape_t *shape,
                        smart_interaction_t *pi)
{
    static const struct {
        char name[8];
        unsigned bit;
        bool head;
    } methods[] = {
        {"GET", GET, false},     {"HEAD", GET, true},
        {"POST", POST, false},   {"PUT", PUT, false},
        {"PATCH", PATCH, false}, {"DELETE", DELETE, false},
        {"OPTIONS", 0, false},
    };
    apr_size_t i;

    for (i = 0; i < COUNT(methods); i++) {
        if (method[0] == methods[i].name[0] &&
            strcmp(method, methods[i].name) == 0) {
            pi->method_known = true;
            pi->head = methods[i].head;
            shape->method = methods[i].bit;
            return;
        }
    }
}

static unsigned word_class(smart_slice_t segment)
{
#define CLASS_IF(word, bit)                                                    \
    (memcmp(segment.ptr, word, sizeof(word) - 1) == 0 ? (bit) : 0u)
    switch (segment.len) {
    case sizeof("*") - 1:
        return CLASS_IF("*", SEG_STAR);
    case sizeof("_search") - 1:
        return CLASS_IF("_search", SEG_SEARCH);
    case sizeof("_history") - 1: /* metadata is as long */
        return CLASS_IF("_history", SEG_HISTORY) |
               CLASS_IF("metadata", SEG_METADATA);
    case sizeof(".well-known") - 1:
        return CLASS_IF(".well-known", SEG_WELL_KNOWN);
    case sizeof("smart-configuration") - 1:
        return CLASS_IF("smart-configuration", SEG_SMART);
    }
#undef CLASS_IF
    return 0;
}

static void shape_classify(smart_fhir_e v, shape_t *shape)
{
    int i;

    for (i = 0; i < shape->path.count && i < SEG_DEPTH; i++) {
        const smart_slice_t segment = shape->path.segments[i];
        /* types stand first and third */
        const smart_type_t type =
            i % 2 == 0 ? smart_fhir_type(v, segment) : SMART_TYPE_NONE;
        unsigned classes = word_class(segment);

        if (type != SMART_TYPE_NONE) {
            classes |=
                has_compartment(type) ? SEG_TYPE | SEG_COMPARTMENT : SEG_TYPE;
        }
        if (shape->path.is_id[i]) {
            classes |= SEG_ID | SEG_VID;
        }
        if (segment.ptr[0] == '$' && smart_path_is_operation(segment)) {
            classes |= SEG_OPERATION;
        }
        shape->types[i] = type;
        shape->classes[i] = classes;
    }
}

static bool row_matches(const row_t *row, const shape_t *shape)
{
    int i;

    if (!(row->methods & shape->method)) {
        return false;
    }
    for (i = 0; i < shape->path.count; i++) {
        if (!(row->segments[i] & shape->classes[i])) {
            return false;
        }
    }
    return true;
}

static const row_t *row_find(const shape_t *shape)
{
    const int depth = shape->path.count;
    apr_size_t i;

    for (i = 0; depth <= SEG_DEPTH && i < tables[depth].count; i++) {
        if (row_matches(&tables[depth].rows[i], shape)) {
            return &tables[depth].rows[i];
        }
    }
    return NULL;
}

/* ---- parameters ---- */

static bool only_presentation(const smart_search_t *search)
{
    int i;

    for (i = 0; i < search->count; i++) {
        if (!is_presentation(search->params[i].name)) {
            return false;
        }
    }
    return true;
}

/* Whether a query selects something, and does nothing else. */
static bool is_criteria(const smart_search_t *search)
{
    bool selects = false;
    int i;

    for (i = 0; i < search->count; i++) {
        const smart_search_param_t *const param = &search->params[i];

        if (is_presentation(param->name) ||
            smart_slice_is(param->name, "_count")) {
            continue;
        }
        if (param->base.ptr[0] == '_' && !is_common_criterion(param->base)) {
            return false;
        }
        selects |= param->value.len > 0;
    }
    return selects;
}

static bool query_suits(const row_t *row, const smart_search_t *search)
{
    switch (row->query) {
    case QUERY_REFUSED:
        return only_presentation(search);
    case QUERY_FREE:
        return true;
    case QUERY_CRITERIA:
        return is_criteria(search);
    }
    return false;
}

static bool has_page_param(const smart_search_t *search)
{
    int i;

    for (i = 0; i < search->count; i++) {
        if (smart_interaction_page_param(search->params[i].name)) {
            return true;
        }
    }
    return false;
}

/* ---- header fields ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static smart_slice_t trim(smart_slice_t text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/*
 * Whether Prefer asks for an asynchronous answer. Quoted strings are not
 * respected, so that no way of writing it is missed: at worst a value that
 * holds the word is taken for the word.
 */
static bool is_async(const char *prefer)
{
    static const char word[] = "respond-async";

    while (prefer && *prefer) {
        const apr_size_t len = strcspn(prefer, ",;");
        const smart_slice_t token =
            trim(smart_slice_n(prefer, strcspn(prefer, ",;=")));

        if (token.len == sizeof(word) - 1 &&
            apr_cstr_casecmpn(token.ptr, word, token.len) == 0) {
            return true;
        }
        prefer += len + (prefer[len] != '\0');
    }
    return false;
}

/* ---- the interaction ---- */

static void segments_fill(const row_t *row, const shape_t *shape,
                          smart_interaction_t *pi)
{
    const smart_slice_t *const segments = shape->path.segments;
    int i;

    for (i = 0; i < shape->path.count; i++) {
        switch (row->segments[i]) {
        case SEG_TYPE:
        case SEG_TYPE | SEG_STAR:
            pi->type = shape->types[i];
            pi->all_types = pi->type == SMART_TYPE_NONE;
            break;
        case SEG_ID:
            pi->id = segments[i];
            break;
        case SEG_VID:
            pi->vid = segments[i];
            break;
        case SEG_OPERATION:
            pi->operation = segments[i];
            break;
        case SEG_COMPARTMENT:
            pi->compartment = shape->types[i];
            break;
        }
    }
    if (pi->compartment != SMART_TYPE_NONE) {
        pi->compartment_id = pi->id;
        pi->id = smart_slice_n(NULL, 0);
    }
}

static void row_fill(const row_t *row, const shape_t *shape,
                     const smart_request_t *req, smart_interaction_t *pi)
{
    const bool bodied = (shape->method & (POST | PUT | PATCH)) != 0;

    pi->kind = row->kind;
    if (shape->path.count == 0 && shape->method == GET &&
        has_page_param(&pi->search)) {
        pi->kind = SMART_INTERACTION_PAGE;
    }
    pi->level = row->level;
    pi->conditional =
        row->query == QUERY_CRITERIA ||
        (pi->kind == SMART_INTERACTION_CREATE && req->if_none_exist);
    pi->form = bodied && row->form;
    pi->body = bodied && !row->form;
    pi->async = is_async(req->prefer);
    pi->provenance = req->provenance;
    segments_fill(row, shape, pi);
}

/* An UNKNOWN interaction: nothing is left to be mistaken for a fact. */
static void forget(smart_interaction_t *pi)
{
    const bool method_known = pi->method_known;
    const bool head = pi->head;

    memset(pi, 0, sizeof(*pi));
    pi->method_known = method_known;
    pi->head = head;
}

/* Recognise a request whose path and query are well-formed. */
static smart_reason_e recognise(const shape_t *shape,
                                const smart_request_t *req, apr_pool_t *p,
                                smart_interaction_t *pi, const char **pwhy)
{
    const row_t *const row = row_find(shape);

    if (!row || !query_suits(row, &pi->search)) {
        forget(pi);
        return SMART_REASON_UNDECIDED;
    }
    row_fill(row, shape, req, pi);
    if (pi->kind != SMART_INTERACTION_CREATE || !pi->conditional) {
        return SMART_REASON_UNDECIDED;
    }
    if (!smart_search_parse(smart_slice(req->if_none_exist), p,
                            &pi->if_none_exist, pwhy)) {
        forget(pi);
        return SMART_REASON_QUERY;
    }
    if (!is_criteria(&pi->if_none_exist)) {
        forget(pi);
    }
    return SMART_REASON_UNDECIDED;
}

smart_reason_e smart_interaction_read(smart_fhir_e v,
                                      const smart_request_t *req, apr_pool_t *p,
                                      smart_interaction_t *pi,
                                      const char **pwhy)
{
    shape_t shape;

    memset(pi, 0, sizeof(*pi));
    shape.method = 0; /* the rest is set as far as the path goes */
    *pwhy = NULL;
    method_read(req->method, &shape, pi);
    if (!smart_path_read(req->path, &shape.path, pwhy)) {
        return SMART_REASON_PATH;
    }
    if (req->query.len > 0 && /* else *pi has none already */
        !smart_search_parse(req->query, p, &pi->search, pwhy)) {
        return SMART_REASON_QUERY;
    }
    shape_classify(v, &shape);
    return recognise(&shape, req, p, pi, pwhy);
}

/* ---- names ---- */

/* One for every kind. */
static const char *const kind_names[SMART_INTERACTION_COUNT] = {
    [KIND(UNKNOWN)] = "unknown",
    [KIND(READ)] = "read",
    [KIND(VREAD)] = "vread",
    [KIND(UPDATE)] = "update",
    [KIND(PATCH)] = "patch",
    [KIND(DELETE)] = "delete",
    [KIND(HISTORY_INSTANCE)] = "history-instance",
    [KIND(HISTORY_TYPE)] = "history-type",
    [KIND(HISTORY_SYSTEM)] = "history-system",
    [KIND(CREATE)] = "create",
    [KIND(SEARCH_TYPE)] = "search-type",
    [KIND(SEARCH_SYSTEM)] = "search-system",
    [KIND(SEARCH_COMPARTMENT)] = "search-compartment",
    [KIND(CAPABILITIES)] = "capabilities",
    [KIND(BATCH)] = "batch",
    [KIND(TRANSACTION)] = "transaction",
    [KIND(OPERATION)] = "operation",
    [KIND(PAGE)] = "page",
    [KIND(DISCOVERY)] = "discovery",
};

const char *smart_interaction_name(smart_interaction_e kind)
{
    const unsigned row = (unsigned)kind;

    return kind_names[row < SMART_INTERACTION_COUNT ? row : 0];
}

smart_interaction_e smart_interaction_named(smart_slice_t name)
{
    int kind;

    for (kind = SMART_INTERACTION_COUNT - 1; kind > 0; kind--) {
        if (smart_slice_is(name, kind_names[kind])) {
            break;
        }
    }
    return (smart_interaction_e)kind;
}
