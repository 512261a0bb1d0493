/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restriction_test.c: what tokens that are held to a patient or a constraint
 * may ask for, and what is to be done for it.
 */
#include "ask.h"

#include <apr_general.h>

#define CONSTRUCT SMART_REASON_CONSTRUCT
#define FOREIGN   SMART_REASON_FOREIGN
#define OUTSIDE   SMART_REASON_FOREIGN_WRITE
#define EMPTY     SMART_REASON_EMPTY_VALUE
#define SEARCH    (NARROW | INSPECT)
#define NOWHERE   SMART_REASON_OUTSIDE

/* The same scope, another request. */
#define SAME(what, s, yes, owed, no, reason)                                   \
    {                                                                          \
        what, OF(s, yes), owed, OF(s, no), reason                              \
    }

static const twin_t reads[] = {
    SAME("own Patient", "patient/Patient.r", "GET /Patient/pat-1", INSPECT,
         "GET /Patient/pat-2", FOREIGN),
    SAME("a longer id", "patient/Patient.r", "GET /Patient/pat-1", INSPECT,
         "GET /Patient/pat-11", FOREIGN),
    SAME("own Patient, vread", "patient/Patient.r",
         "GET /Patient/pat-1/_history/1", INSPECT,
         "GET /Patient/pat-2/_history/1", FOREIGN),
    SAME("own Patient, history", "patient/Patient.r",
         "GET /Patient/pat-1/_history?_since=2020&_at=2020&_count=1", INSPECT,
         "GET /Patient/pat-2/_history", FOREIGN),
    SAME("history, form of the answer", "patient/Patient.r",
         "GET /Patient/pat-1/_history?_format=json&_pretty=true&_summary=true"
         "&_elements=id",
         INSPECT, "GET /Patient/pat-1/_history?_sort=id", CONSTRUCT),
    SAME("own Patient, form of the answer", "patient/Patient.r",
         "GET /Patient/pat-1?_format=json&_pretty=true&_summary=true"
         "&_elements=id",
         INSPECT, "GET /Patient/pat-1?_include=Patient:organization",
         CONSTRUCT),
    SAME("history, page", "patient/Patient.r",
         "GET /Patient/pat-1/_history?_page=2", INSPECT,
         "GET /Patient/pat-1/_history?_list=2", CONSTRUCT),
    SAME("another type", "patient/Observation.r", "GET /Observation/1", INSPECT,
         "GET /Observation/1?_include=a", CONSTRUCT),
    SAME("a page is no part of a read", "patient/Observation.r",
         "GET /Observation/1?_pretty=true", INSPECT,
         "GET /Observation/1?_getpages=a", CONSTRUCT),
    SAME("vread", "patient/Observation.r", "GET /Observation/1/_history/2",
         INSPECT, "GET /Observation/1/_history/2?foo=1", CONSTRUCT),
    SAME("history", "patient/Observation.r", "GET /Observation/1/_history",
         INSPECT, "GET /Observation/1/_history?_filter=1", CONSTRUCT),
    SAME("history of a type", "patient/Observation.s",
         "GET /Observation/_history?_since=2020", INSPECT,
         "GET /Observation/_history?_list=1", CONSTRUCT),
    SAME("history of Patient", "patient/Patient.s", "GET /Patient/_history",
         INSPECT, "GET /Patient/_history?code=1", CONSTRUCT),
    SAME("shared type", "patient/Practitioner.r", "GET /Practitioner/1",
         INSPECT, "GET /Practitioner/1?a=b", CONSTRUCT),
    SAME("a number of what is inspected", "patient/Observation.r",
         "GET /Observation/1?_summary=data", INSPECT,
         "GET /Observation/1?_summary=count", CONSTRUCT),
    {"constrained, own Patient",
     OF("patient/Patient.r?gender=male", "GET /Patient/pat-1"), INSPECT,
     OF("patient/Patient.r?gender=male", "GET /Patient/pat-2"), FOREIGN},
    {"constrained, no patient",
     OF("user/Patient.r?gender=male", "GET /Patient/pat-2"), INSPECT,
     OF("patient/Patient.r?gender=male", "GET /Patient/pat-2"), FOREIGN},
    {"constrained history of own Patient",
     OF("patient/Patient.r?gender=male", "GET /Patient/pat-1/_history"),
     INSPECT, OF("patient/Patient.r?gender=male", "GET /Patient/p/_history"),
     FOREIGN},
    {"a user who is a Patient",
     BY_USER("user/Patient.r", "GET /Patient/pat-1", "Patient/pat-1"), INSPECT,
     BY_USER("user/Patient.r", "GET /Patient/pat-1", "Patient/pat-2"), FOREIGN},
};

/* The compartment does not have Binary, Bundle and the like, and nobody shares
 * them. */
static const twin_t places[] = {
    SAME("shared and outside, read", "patient/*.rs", "GET /Location/1", INSPECT,
         "GET /MessageHeader/1", FOREIGN),
    SAME("vread", "patient/*.rs", "GET /Location/1/_history/1", INSPECT,
         "GET /MessageHeader/1/_history/1", FOREIGN),
    SAME("history", "patient/*.rs", "GET /Location/1/_history", INSPECT,
         "GET /MessageHeader/1/_history", FOREIGN),
    SAME("history of the type", "patient/*.rs", "GET /Location/_history",
         INSPECT, "GET /MessageHeader/_history", NOWHERE),
    SAME("search", "patient/*.rs", "GET /Location", INSPECT,
         "GET /MessageHeader", NOWHERE),
    SAME("by form", "patient/*.rs", "POST /Location/_search", FORM | INSPECT,
         "POST /MessageHeader/_search", NOWHERE),
    {"search, held to nothing", BY("user/*.rs?_tag=a", "GET /MessageHeader"),
     SEARCH, BY_USER("user/*.rs?_tag=a", "GET /MessageHeader", "Patient/1"),
     NOWHERE},
    {"a user who is a Patient",
     BY_USER("user/*.rs", "GET /MessageHeader/1", "Practitioner/1"), 0,
     BY_USER("user/*.rs", "GET /MessageHeader/1", "Patient/1"), FOREIGN},
    SAME("write of what is shared", "patient/*.cruds", "PUT /Observation/1",
         BODY | PREREAD | INSPECT, "PUT /Location/1", OUTSIDE),
    SAME("Binary", "patient/*.rs", "GET /Binary/1", CONTEXT,
         "GET /Binary/1/_history", FOREIGN),
    SAME("Binary, vread", "patient/*.rs", "GET /Binary/1/_history/1", CONTEXT,
         "GET /Bundle/1/_history/1", FOREIGN),
    SAME("Binary, parameters", "patient/Binary.rs",
         "GET /Binary/1?_format=json", CONTEXT, "GET /Binary/1?_id=1",
         CONSTRUCT),
    SAME("Binary, search", "patient/*.rs", "GET /Binary/1", CONTEXT,
         "GET /Binary", NOWHERE),
    SAME("Binary, write", "patient/*.cruds", "GET /Binary/1", CONTEXT,
         "PUT /Binary/1", OUTSIDE),
    {"Binary, constrained", OF("patient/Binary.r", "GET /Binary/1"), CONTEXT,
     OF("patient/Binary.r?_tag=a", "GET /Binary/1"), FOREIGN},
    {"Binary, held to nothing", BY("user/Binary.r?_tag=a", "GET /Binary/1"),
     INSPECT, BY("user/Binary.s?_tag=a", "GET /Binary/1"),
     SMART_REASON_NO_SCOPE},
};

static void each_type_is_looked_for_in_its_place(void **state)
{
    ASSERT_TWINS(&ask_policy, places);
}

static void shown(const char *what, ask_t ask, smart_letters_t letter)
{
    if (ask_by(&ask_policy, &ask).shown != letter) {
        fail_msg("%s: %s", what, ask.request);
    }
}

/* The letter that each resource of the answer needs. */
static void an_answer_shows_by_a_letter(void **state)
{
    const smart_letters_t r = SMART_LETTER_R, s = SMART_LETTER_S;

    shown("read", (ask_t)OF("patient/*.rs", "GET /Observation/1"), r);
    shown("history", (ask_t)OF("patient/*.rs", "GET /Observation/1/_history"),
          r);
    shown("search", (ask_t)OF("patient/*.rs", "GET /Observation"), s);
    shown("compartment",
          (ask_t)OF("patient/*.rs", "GET /Patient/pat-1/Observation"), s);
    shown("history of a type",
          (ask_t)OF("patient/*.rs", "GET /Observation/_history"), s);
    shown("page", (ask_t)OF("patient/*.rs", "GET /?_page=1"), s);
    shown("everything",
          (ask_t)OF("patient/*.rs", "GET /Patient/pat-1/$everything"), r);
    shown("lastn", (ask_t)OF("patient/*.rs", "GET /Observation/$lastn"), s);
    shown("Binary", (ask_t)OF("patient/*.rs", "GET /Binary/1"), r);
    shown("write", (ask_t)OF("patient/*.cruds", "PUT /Observation/1"), r);
    shown("write, dropped", (ask_t)OF("patient/*.cud", "PUT /Observation/1"),
          0);
    shown("include",
          (ask_t)BY("user/Observation.rs", "GET /Observation?_include=*"), s);
    shown("nothing to look at", (ask_t)BY("user/*.rs", "GET /Observation/1"),
          0);
    shown("unrestricted write, some may be seen",
          (ask_t)BY("user/Observation.c user/Observation.r?code=a",
                    "POST /Observation"),
          r);
}

static void reads_are_of_the_own_patient_or_inspected(void **state)
{
    ASSERT_TWINS(&ask_policy, reads);
}

#define RS "patient/Observation.rs"

static const twin_t searches[] = {
    SAME("type", RS, "GET /Observation?code=x&date=gt2020&category:not=y",
         SEARCH, "GET /Observation?code=x&foo=y", CONSTRUCT),
    SAME("a case that differs", RS, "GET /Observation?code=x", SEARCH,
         "GET /Observation?Code=x", CONSTRUCT),
    SAME("of all types", RS,
         "GET /Observation?_id=1&_lastUpdated=gt1&_tag=a&_tag:not=b&_profile=c"
         "&_security=d&_text=e&_content=f&_source=g&_language=h&_count=1&_"
         "total=none"
         "&_summary=text&_elements=id&_format=json&_pretty=true&_sort=-date",
         SEARCH, "GET /Observation?_id:missing=true", CONSTRUCT),
    SAME("form", RS, "POST /Observation/_search?code=x", SEARCH | FORM,
         "POST /Observation/_search?foo=x", CONSTRUCT),
    SAME("HEAD", RS, "HEAD /Observation", SEARCH, "HEAD /Observation?a.b=c",
         CONSTRUCT),
    SAME("chain", RS, "GET /Observation?encounter=1", SEARCH,
         "GET /Observation?encounter.status=1", CONSTRUCT),
    SAME("typed chain", RS, "GET /Observation?encounter:Encounter=1", SEARCH,
         "GET /Observation?encounter:Encounter.status=1", CONSTRUCT),
    SAME("typed reference", RS, "GET /Observation?encounter:Encounter=1",
         SEARCH, "GET /Observation?encounter:Foo=1", CONSTRUCT),
    SAME("modifier of a reference", RS, "GET /Observation?encounter:missing=1",
         SEARCH, "GET /Observation?encounter:in=1", CONSTRUCT),
    SAME("hierarchy", RS, "GET /Observation?encounter:identifier=1", SEARCH,
         "GET /Observation?encounter:below=1", CONSTRUCT),
    SAME("modifier of a token", RS, "GET /Observation?code:text=1", SEARCH,
         "GET /Observation?code:foo=1", CONSTRUCT),
    SAME("modifiers of a token", RS,
         "GET /Observation?code:missing=1&code:exact=1&code:contains=1"
         "&code:text=1&code:not=1&code:above=1&code:below=1&code:in=1"
         "&code:not-in=1&code:identifier=1&code:of-type=1&code:code-text=1"
         "&code:text-advanced=1",
         SEARCH, "GET /Observation?code:Patient=1", CONSTRUCT),
    SAME("modifier of meta", RS, "GET /Observation?_tag:missing=1", SEARCH,
         "GET /Observation?_tag:foo=1", CONSTRUCT),
    SAME("a number", RS, "GET /Observation?code=count", SEARCH,
         "GET /Observation?_summary=count", CONSTRUCT),
    SAME("_has", RS, "GET /Observation?code=x", SEARCH,
         "GET /Observation?_has:Provenance:target:agent=x", CONSTRUCT),
    SAME("_filter", RS, "GET /Observation", SEARCH,
         "GET /Observation?_filter=x", CONSTRUCT),
    SAME("_query", RS, "GET /Observation", SEARCH, "GET /Observation?_query=x",
         CONSTRUCT),
    SAME("_list", RS, "GET /Observation", SEARCH, "GET /Observation?_list=x",
         CONSTRUCT),
    SAME("_contained", RS, "GET /Observation", SEARCH,
         "GET /Observation?_contained=true", CONSTRUCT),
    SAME("_in", RS, "GET /Observation", SEARCH, "GET /Observation?_in=x",
         CONSTRUCT),
    SAME("_type", RS, "GET /Observation", SEARCH,
         "GET /Observation?_type=Patient", CONSTRUCT),
    SAME("sorted", RS, "GET /Observation?_sort=date,-code", SEARCH,
         "GET /Observation?_sort=date,subject.name", CONSTRUCT),
    SAME("sorted by a typed link", RS, "GET /Observation?_sort=date", SEARCH,
         "GET /Observation?_sort=subject:Patient", CONSTRUCT),
    SAME("sorted, modifier", RS, "GET /Observation?_sort=date", SEARCH,
         "GET /Observation?_sort:desc=date", CONSTRUCT),
    SAME("include", RS, "GET /Observation?_include:iterate=*&_revinclude=*",
         SEARCH, "GET /Observation?_INCLUDE=*", CONSTRUCT),
    SAME("page", RS, "GET /Observation?_page=2", SEARCH,
         "GET /Observation?_pagenumber=2", CONSTRUCT),
    SAME("count", RS, "GET /Observation?_summary=true", SEARCH,
         "GET /Observation?_summary=count", CONSTRUCT),
    SAME("other people's", RS, "GET /Observation?subject=Patient/pat-2", SEARCH,
         "GET /Observation?subject:not=Patient/pat-1", CONSTRUCT),
    SAME("modifier of a compartment parameter", RS,
         "GET /Observation?patient=pat-2", SEARCH,
         "GET /Observation?patient:missing=true", CONSTRUCT),
    SAME("type of a compartment parameter", RS,
         "GET /Observation?subject=pat-1", SEARCH,
         "GET /Observation?subject:Patient=pat-1", CONSTRUCT),
    SAME("no subject", RS, "GET /Observation?subject=a", SEARCH,
         "GET /Observation?subject=", EMPTY),
    SAME("no patient", RS, "GET /Observation?patient=a", SEARCH,
         "GET /Observation?patient", EMPTY),
    SAME("no value of the other inclusion parameters", RS,
         "GET /Observation?performer=a", SEARCH,
         "GET /Observation?performer=", EMPTY),
    SAME("an empty item", RS, "GET /Observation?patient=a,b", SEARCH,
         "GET /Observation?patient=,a", EMPTY),
    SAME("an empty item within", RS, "GET /Observation?patient=a,b", SEARCH,
         "GET /Observation?patient=a,,b", EMPTY),
    SAME("an empty item at the end", RS, "GET /Observation?patient=a,b", SEARCH,
         "GET /Observation?patient=a,", EMPTY),
    SAME("blanks", RS, "GET /Observation?patient=a+b", SEARCH,
         "GET /Observation?patient=+", EMPTY),
    SAME("no value of another parameter", RS, "GET /Observation?code=", SEARCH,
         "GET /Observation?subject=", EMPTY),
    SAME("Patient by id", "patient/Patient.s", "GET /Patient?_id=pat-2", SEARCH,
         "GET /Patient?_id=", EMPTY),
    SAME("Patient by id, modifier", "patient/Patient.s",
         "GET /Patient?_id=pat-1", SEARCH, "GET /Patient?_id:not=pat-1",
         CONSTRUCT),
    SAME("Patient by link", "patient/Patient.s", "GET /Patient?link=1", SEARCH,
         "GET /Patient?link:missing=false", CONSTRUCT),
    SAME("_id of another type", RS, "GET /Observation?_id=", SEARCH,
         "GET /Observation?subject=", EMPTY),
    SAME("types outside are not narrowed", "patient/Location.s",
         "GET /Location?name=x", INSPECT, "GET /Location?name.a=x", CONSTRUCT),
    SAME("supplements are", "patient/*.s", "GET /Device", SEARCH,
         "GET /Device?a=b", CONSTRUCT),
    {"constrained", OF("patient/Observation.s" LAB, "GET /Observation"), SEARCH,
     OF("patient/Observation.r" LAB, "GET /Observation"),
     SMART_REASON_NO_SCOPE},
    {"constrained, type outside",
     OF("patient/Location.s?status=active", "GET /Location"), SEARCH,
     OF("patient/Location.s?status=active", "GET /Location?a=b"), CONSTRUCT},
    {"constrained, no patient",
     BY("user/Observation.s" LAB, "GET /Observation?subject="), SEARCH,
     BY("user/Observation.s" LAB, "GET /Observation?subject.name="), CONSTRUCT},
    {"all types, constrained", OF("patient/*.rs?_tag=a", "GET /Observation"),
     SEARCH, OF("patient/*.rs?_tag=a", "GET /Observation?_list=a"), CONSTRUCT},
};

static void searches_are_narrowed_and_of_known_parameters(void **state)
{
    ASSERT_TWINS(&ask_policy, searches);
}

static const twin_t compartments[] = {
    SAME("own", RS, "GET /Patient/pat-1/Observation", INSPECT,
         "GET /Patient/pat-2/Observation", FOREIGN),
    SAME("own, by form", RS, "POST /Patient/pat-1/Observation/_search",
         FORM | INSPECT, "POST /Patient/pat-2/Observation/_search", FOREIGN),
    SAME("parameters", RS, "GET /Patient/pat-1/Observation?code=x&_sort=date",
         INSPECT, "GET /Patient/pat-1/Observation?code=x&foo=1", CONSTRUCT),
    SAME("chain", RS, "GET /Patient/pat-1/Observation?code=x", INSPECT,
         "GET /Patient/pat-1/Observation?encounter.status=x", CONSTRUCT),
    SAME("no value", RS, "GET /Patient/pat-1/Observation?subject=a", INSPECT,
         "GET /Patient/pat-1/Observation?subject=", EMPTY),
    SAME("include", RS, "GET /Patient/pat-1/Observation?_include=*", INSPECT,
         "GET /Patient/pat-1/Observation?_has=*", CONSTRUCT),
    SAME("page", RS, "GET /Patient/pat-1/Observation?_getpages=1", INSPECT,
         "GET /Patient/pat-1/Observation?_graph=1", CONSTRUCT),
    SAME("a number", RS, "GET /Patient/pat-1/Observation?_summary=true",
         INSPECT, "GET /Patient/pat-1/Observation?_summary=count", CONSTRUCT),
    SAME("of another kind", "patient/*.rs", "GET /Patient/pat-1/Observation",
         INSPECT, "GET /Encounter/pat-1/Observation", CONSTRUCT),
    SAME("of a Device", "patient/*.rs", "GET /Patient/pat-1/Observation",
         INSPECT, "GET /Device/pat-1/Observation", CONSTRUCT),
    SAME("without an entry", "patient/*.rs", "GET /Patient/pat-1/Condition",
         INSPECT, "GET /Patient/pat-1/Location", NOWHERE),
    SAME("added", "patient/*.rs", "GET /Patient/pat-1/Device", INSPECT,
         "GET /Patient/pat-1/DeviceMetric", NOWHERE),
    SAME("Patients that are linked", "patient/*.rs",
         "GET /Patient/pat-1/Patient", INSPECT, "GET /Patient/pat-2/Patient",
         FOREIGN),
    {"all types", OF("patient/*.s", "GET /Patient/pat-1/*"), INSPECT,
     OF("patient/Observation.s", "GET /Patient/pat-1/*"),
     SMART_REASON_NO_SCOPE},
    SAME("all types of another", "patient/*.s", "GET /Patient/pat-1/*?_id=1",
         INSPECT, "GET /Patient/pat-2/*?_id=1", FOREIGN),
    SAME("all types, parameter of one", "patient/*.s",
         "GET /Patient/pat-1/*?_id=1", INSPECT, "GET /Patient/pat-1/*?code=1",
         CONSTRUCT),
    {"constrained",
     OF("patient/Observation.s" LAB, "GET /Patient/pat-1/Observation"), INSPECT,
     OF("patient/Observation.s" LAB, "GET /Patient/pat-2/Observation"),
     FOREIGN},
    {"constrained, no patient",
     BY("user/Observation.s" LAB, "GET /Patient/pat-1/Observation"), INSPECT,
     BY("user/Observation.s" LAB, "GET /Encounter/pat-1/Observation"),
     CONSTRUCT},
    {"held to nothing, the compartment is the backend's",
     BY("user/Observation.s", "GET /Encounter/e/Observation"), 0,
     BY("user/Observation.s" LAB, "GET /Encounter/e/Observation"), CONSTRUCT},
};

static void compartments_are_the_own_one(void **state)
{
    ASSERT_TWINS(&ask_policy, compartments);
}

static const twin_t writes[] = {
    SAME("create", "patient/*.cruds", "POST /Observation", BODY | INSPECT,
         "POST /Practitioner", OUTSIDE),
    SAME("create of a Patient", "patient/*.cruds", "POST /Observation",
         BODY | INSPECT, "POST /Patient", OUTSIDE),
    SAME("create of a Bundle", "patient/*.cruds", "POST /Observation",
         BODY | INSPECT, "POST /Bundle", OUTSIDE),
    SAME("create of a supplement", "patient/*.cruds", "POST /Task",
         BODY | INSPECT, "POST /Location", OUTSIDE),
    SAME("create of a Subscription", "patient/*.cruds", "POST /Task",
         BODY | INSPECT, "POST /Subscription", CONSTRUCT),
    {"create of a Subscription, constrained",
     BY("user/*.cruds", "POST /Subscription"), 0,
     BY("user/*.cruds?_tag=a", "POST /Subscription"), CONSTRUCT},
    SAME("update of own Patient", "patient/Patient.u", "PUT /Patient/pat-1",
         BODY | MINIMAL, "PUT /Patient/pat-2", FOREIGN),
    SAME("patch of own Patient", "patient/Patient.u", "PATCH /Patient/pat-1",
         BODY | PREREAD | MINIMAL, "PATCH /Patient/pat-2", FOREIGN),
    SAME("delete of own Patient", "patient/Patient.d", "DELETE /Patient/pat-1",
         MINIMAL, "DELETE /Patient/pat-2", FOREIGN),
    SAME("update", "patient/*.u", "PUT /Observation/1",
         BODY | PREREAD | MINIMAL, "PUT /Organization/1", OUTSIDE),
    SAME("patch", "patient/*.u", "PATCH /Observation/1",
         BODY | PREREAD | MINIMAL, "PATCH /Organization/1", OUTSIDE),
    SAME("delete", "patient/*.d", "DELETE /Observation/1", PREREAD | MINIMAL,
         "DELETE /Organization/1", OUTSIDE),
    SAME("delete of a Subscription", "patient/*.d", "DELETE /Observation/1",
         PREREAD | MINIMAL, "DELETE /Subscription/1", CONSTRUCT),
    SAME("conditional update", "patient/*.cruds", "PUT /Observation/1",
         BODY | PREREAD | INSPECT, "PUT /Observation?code=1", CONSTRUCT),
    SAME("update of another Patient, not by id", "patient/*.cruds",
         "PUT /Patient/pat-1", BODY | INSPECT, "PUT /Patient?gender=male",
         CONSTRUCT),
    SAME("conditional patch", "patient/*.cruds", "PATCH /Observation/1",
         BODY | PREREAD | INSPECT, "PATCH /Observation?code=1", CONSTRUCT),
    SAME("conditional delete", "patient/*.cruds", "DELETE /Observation/1",
         PREREAD | INSPECT, "DELETE /Observation?subject=Patient/pat-1",
         CONSTRUCT),
    {"conditional create",
     OF_WITH("patient/Observation.cs", "POST /Observation",
             "If-None-Exist: code=1"),
     BODY | NARROW | MINIMAL,
     OF_WITH("patient/Observation.cs", "POST /Observation",
             "If-None-Exist: foo=1"),
     CONSTRUCT},
    {"conditional create, chain",
     OF_WITH("patient/Observation.cs", "POST /Observation",
             "If-None-Exist: encounter=1"),
     BODY | NARROW | MINIMAL,
     OF_WITH("patient/Observation.cs", "POST /Observation",
             "If-None-Exist: encounter.status=1"),
     CONSTRUCT},
    {"conditional create of a shared type",
     OF_WITH("patient/*.cs", "POST /Task", "If-None-Exist: code=1"),
     BODY | NARROW | MINIMAL,
     OF_WITH("patient/*.cs", "POST /Location", "If-None-Exist: code=1"),
     OUTSIDE},
    {"constrained create", OF("patient/Observation.c" LAB, "POST /Observation"),
     BODY | MINIMAL, OF("patient/Observation.s" LAB, "POST /Observation"),
     SMART_REASON_NO_SCOPE},
    {"constrained update of own Patient",
     OF("patient/Patient.u?gender=male", "PUT /Patient/pat-1"),
     BODY | PREREAD | MINIMAL,
     OF("patient/Patient.u?gender=male", "PUT /Patient/pat-2"), FOREIGN},
    {"constrained delete of own Patient",
     OF("patient/Patient.d?gender=male", "DELETE /Patient/pat-1"),
     PREREAD | MINIMAL,
     OF("patient/Patient.d?gender=male", "DELETE /Patient/pat-2"), FOREIGN},
    {"constrained, a shared type",
     BY("user/Location.c?status=active", "POST /Location"), BODY | MINIMAL,
     BY("user/Location.r?status=active", "POST /Location"),
     SMART_REASON_NO_SCOPE},
    {"constrained, of no patient",
     BY("user/Patient.c?gender=male", "POST /Patient"), BODY | MINIMAL,
     BY("user/Patient.u?gender=male", "POST /Patient"), SMART_REASON_NO_SCOPE},
};

static void writes_have_their_body_judged(void **state)
{
    ASSERT_TWINS(&ask_policy, writes);
}

static const twin_t others[] = {
    {"system search", OF("user/*.cruds", "GET /?_type=Observation"), 0,
     OF("patient/*.cruds", "GET /?_type=Observation"), CONSTRUCT},
    {"system search by form", OF("user/*.cruds", "POST /_search"), 0,
     OF("patient/*.cruds", "POST /_search"), CONSTRUCT},
    {"system history", OF("user/*.cruds", "GET /_history"), 0,
     OF("patient/*.cruds", "GET /_history"), CONSTRUCT},
    {"system search, constrained", BY("user/*.s", "GET /?_id=1"), 0,
     BY("user/*.s?_tag=a", "GET /?_id=1"), CONSTRUCT},
    SAME("page", "patient/*.cruds",
         "GET /?_getpages=1&_include=a&_revinclude=b&_format=c&_pretty=d"
         "&_summary=e&_elements=f&_count=1&_total=none&_sort=g",
         INSPECT, "GET /?_getpages=1&_type=a", CONSTRUCT),
    SAME("batch", "patient/*.r", "POST /", BODY, "GET /",
         SMART_REASON_NO_SCOPE),
    {"async", OF("patient/*.rs", "GET /Observation"), SEARCH,
     OF_WITH("patient/*.rs", "GET /Observation", "Prefer: respond-async"),
     SMART_REASON_ASYNC},
    {"async by the URL", OF("patient/*.rs", "GET /Patient/pat-1"), INSPECT,
     OF_WITH("patient/*.rs", "GET /Patient/pat-1", "Prefer: respond-async"),
     SMART_REASON_ASYNC},
    {"async, unrestricted",
     OF_WITH("user/*.rs", "GET /Observation", "Prefer: respond-async"), 0,
     OF_WITH("patient/*.rs", "GET /Observation", "Prefer: respond-async"),
     SMART_REASON_ASYNC},
    {"async, inspected",
     BY_WITH("user/*.s", "GET /Observation?_include=*",
             "Prefer: respond-async"),
     0,
     BY_WITH("user/Observation.s", "GET /Observation?_include=*",
             "Prefer: respond-async"),
     SMART_REASON_ASYNC},
    {"X-Provenance where nothing is kept back",
     BY_WITH("user/*.cruds", "POST /Observation", "X-Provenance: {}"), 0,
     BY_WITH("user/*.ruds", "POST /Observation", "X-Provenance: {}"),
     SMART_REASON_NO_SCOPE},
    {"async batch", BY_WITH("user/*.cruds", "POST /", "Prefer: respond-async"),
     BODY, BY_WITH("user/*.crud", "POST /", "Prefer: respond-async"),
     SMART_REASON_ASYNC},
    {"X-Provenance",
     BY_WITH("user/Observation.c user/Provenance.c", "POST /Observation",
             "X-Provenance: {}"),
     MINIMAL,
     BY_WITH("user/Observation.c user/Provenance.r", "POST /Observation",
             "X-Provenance: {}"),
     SMART_REASON_NO_SCOPE},
    {"X-Provenance of another context",
     BY_WITH("user/Observation.c user/Provenance.c", "POST /Observation",
             "X-Provenance: {}"),
     MINIMAL,
     BY_WITH("user/Observation.c system/Provenance.c", "POST /Observation",
             "X-Provenance: {}"),
     SMART_REASON_NO_SCOPE},
    {"X-Provenance, and what else is needed",
     BY_WITH("user/*.us user/Provenance.c", "PUT /Observation?subject.name=x",
             "X-Provenance: {}"),
     MINIMAL,
     BY_WITH("user/Observation.us user/Provenance.c",
             "PUT /Observation?subject.name=x", "X-Provenance: {}"),
     CONSTRUCT},
    {"X-Provenance, restricted", OF("patient/*.cruds", "POST /Observation"),
     BODY | INSPECT,
     OF_WITH("patient/*.cruds", "POST /Observation", "X-Provenance: {}"),
     CONSTRUCT},
};

static void some_requests_are_never_restricted(void **state)
{
    ASSERT_TWINS(&ask_policy, others);
}

/* Device has no patient in R5, Task has. */
static void supplements_are_those_that_name_a_patient(void **state)
{
    smart_policy_t r5 = ask_policy;
    const ask_t device = OF("patient/*.cruds", "GET /Device");
    const ask_t device_write = OF("patient/*.cruds", "POST /Device");
    const ask_t task = OF("patient/*.cruds", "POST /Task");

    r5.version = SMART_FHIR_R5;
    assert_permits(&ask_policy, "R4", &device, SEARCH);
    assert_permits(&ask_policy, "R4", &device_write, BODY | INSPECT);
    assert_denies(&r5, "R5", &device, NOWHERE);
    assert_denies(&r5, "R5", &device_write, OUTSIDE);
    assert_permits(&r5, "R5", &task, BODY | INSPECT);
}

/* Conditional, but for whatever reason without criteria. */
static void a_conditional_change_is_refused_by_its_kind(void **state)
{
    const ask_t ask = OF("patient/*.cruds", "DELETE /Observation/1");
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, &ask);

    assert_true(smart_decide(&ask_policy, &grant, &i, pool).permit);
    i.conditional = true;
    assert_int_equal(smart_decide(&ask_policy, &grant, &i, pool).reason,
                     CONSTRUCT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_of_the_own_patient_or_inspected),
        cmocka_unit_test(each_type_is_looked_for_in_its_place),
        cmocka_unit_test(an_answer_shows_by_a_letter),
        cmocka_unit_test(searches_are_narrowed_and_of_known_parameters),
        cmocka_unit_test(compartments_are_the_own_one),
        cmocka_unit_test(writes_have_their_body_judged),
        cmocka_unit_test(some_requests_are_never_restricted),
        cmocka_unit_test(supplements_are_those_that_name_a_patient),
        cmocka_unit_test(a_conditional_change_is_refused_by_its_kind),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
