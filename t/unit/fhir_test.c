/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fhir_test.c: the tables against what the standard says in other places:
 * the list of the R4 compartment, numbers of types, paths of parameters that
 * US Core's granular scopes use. The lists here are typed in, not generated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/fhir_tables.h"

#define R4  SMART_FHIR_R4
#define R4B SMART_FHIR_R4B
#define R5  SMART_FHIR_R5

static const smart_fhir_e versions[] = {R4, R4B, R5};

#define EACH_VERSION(i) (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
#define EACH_TYPE(v, t)                                                        \
    (t = smart_fhir_type_next(v, SMART_TYPE_NONE); t != SMART_TYPE_NONE;       \
     t = smart_fhir_type_next(v, t))

static smart_type_t type(smart_fhir_e v, const char *name)
{
    return smart_fhir_type(v, smart_slice(name));
}

static const smart_fhir_param_t *param(smart_fhir_e v, const char *of,
                                       const char *name)
{
    smart_type_t t = type(v, of);

    assert_int_not_equal(t, SMART_TYPE_NONE);
    return smart_fhir_param(v, t, smart_slice(name));
}

static bool may_target(const smart_fhir_param_t *p, smart_type_t t)
{
    const smart_type_t *at = p->targets;

    while (at && *at != SMART_TYPE_NONE && *at != t) {
        at++;
    }
    return p->any_target || (at && *at == t);
}

/* --- types ---------------------------------------------------------------- */

static void each_version_has_its_number_of_types(void **state)
{
    /* 146, 141 and 158 resources, less Parameters. */
    static const unsigned want[] = {145, 140, 157};
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            unsigned n = 0;
            smart_type_t t;
        for
            EACH_TYPE(versions[i], t)
            {
                n++;
            }
        assert_int_equal(n, want[i]);
        }
}

static void names_and_numbers_agree(void **state)
{
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            unsigned t;
            for (t = 1; t <= SMART_FHIR_TYPE_LAST; t++) {
                const char *name = smart_fhir_type_name((smart_type_t)t);
                bool known =
                    smart_fhir_type_known(versions[i], (smart_type_t)t);
                assert_non_null(name);
                assert_true(strlen(name) <= SMART_MAX_TYPE);
                assert_int_equal(type(versions[i], name), known ? t : 0);
            }
        }
    assert_int_equal(type(R4, "Patient"), SMART_FHIR_PATIENT);
    assert_int_equal(type(R5, "PractitionerRole"),
                     SMART_FHIR_PRACTITIONER_ROLE);
    assert_string_equal(smart_fhir_type_name(SMART_FHIR_RELATED_PERSON),
                        "RelatedPerson");
}

static void the_walk_is_in_order_and_complete(void **state)
{
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            const char *last = "";
            unsigned known = 0;
            unsigned walked = 0;
            unsigned u;
            smart_type_t t;
            for (u = 0; u <= 0xFFFF; u++) {
                known += smart_fhir_type_known(versions[i], (smart_type_t)u);
            }
        for
            EACH_TYPE(versions[i], t)
            {
                assert_true(strcmp(last, smart_fhir_type_name(t)) < 0);
                last = smart_fhir_type_name(t);
                walked++;
            }
        assert_int_equal(walked, known);
        }
}

static void only_exact_names_are_types(void **state)
{
    static const char *const wrong[] = {
        "",          "patient",  "PATIENT",           "Patien",
        "Patients",  "Patient ", "Resource",          "DomainResource",
        "A",         "Zebra",    "CanonicalResource", "MetadataResource",
        "$validate", "_history", "Parameters",        "metadata",
    };
    unsigned i;
    unsigned j;

    (void)state;
    for
        EACH_VERSION(i)
        {
            for (j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
                assert_int_equal(type(versions[i], wrong[j]), SMART_TYPE_NONE);
            }
            assert_int_equal(smart_fhir_type(versions[i], smart_slice(NULL)),
                             SMART_TYPE_NONE);
        }
}

static void names_need_not_end(void **state)
{
    (void)state;
    assert_int_equal(smart_fhir_type(R4, smart_slice_n("Patient/1", 7)),
                     SMART_FHIR_PATIENT);
    assert_int_equal(smart_fhir_type(R4, smart_slice_n("Patient/1", 8)),
                     SMART_TYPE_NONE);
    assert_int_equal(smart_fhir_type(R4, smart_slice_n("Patient\0", 8)),
                     SMART_TYPE_NONE);
    assert_non_null(smart_fhir_param(R4, SMART_FHIR_PATIENT,
                                     smart_slice_n("gender=male", 6)));
    assert_null(smart_fhir_param(R4, SMART_FHIR_PATIENT,
                                 smart_slice_n("gender=male", 7)));
}

static void a_type_is_known_in_its_versions_only(void **state)
{
    static const struct {
        const char *name;
        bool r4, r4b, r5;
    } rows[] = {
        {"Observation", true, true, true},
        {"Media", true, true, false},
        {"DocumentManifest", true, true, false},
        {"EffectEvidenceSynthesis", true, false, false},
        {"MedicinalProduct", true, false, false},
        {"SubscriptionStatus", false, true, true},
        {"SubscriptionTopic", false, true, true},
        {"Citation", false, true, true},
        {"DeviceUsage", false, false, true},
        {"GenomicStudy", false, false, true},
        {"RequestOrchestration", false, false, true},
    };
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(type(R4, rows[i].name) != 0, rows[i].r4);
        assert_int_equal(type(R4B, rows[i].name) != 0, rows[i].r4b);
        assert_int_equal(type(R5, rows[i].name) != 0, rows[i].r5);
    }
}

static void what_is_no_type_or_version_knows_nothing(void **state)
{
    static const smart_type_t none[] = {
        SMART_TYPE_NONE, SMART_TYPE_ANY, SMART_FHIR_TYPE_LAST + 1,
        SMART_FHIR_PARAMETERS, SMART_FHIR_DEVICE_USAGE};
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_false(smart_fhir_type_known(R4, none[i]));
        assert_null(smart_fhir_param(R4, none[i], smart_slice("_id")));
        assert_null(smart_fhir_compartment(R4, none[i]));
    }
    assert_null(smart_fhir_type_name(SMART_TYPE_NONE));
    assert_null(smart_fhir_type_name(SMART_TYPE_ANY));
    assert_null(smart_fhir_type_name(SMART_FHIR_TYPE_LAST + 1));
    assert_int_equal(smart_fhir_type_next(R4, SMART_TYPE_ANY), 0);

    assert_int_equal(type(SMART_FHIR_NONE, "Patient"), SMART_TYPE_NONE);
    assert_false(smart_fhir_type_known(SMART_FHIR_NONE, SMART_FHIR_PATIENT));
    assert_int_equal(smart_fhir_type_next(SMART_FHIR_NONE, 0), 0);
    assert_null(smart_fhir_param(SMART_FHIR_NONE, SMART_FHIR_PATIENT,
                                 smart_slice("_id")));
    assert_null(smart_fhir_compartment(SMART_FHIR_NONE, SMART_FHIR_PATIENT));
    assert_null(smart_fhir_compartment((smart_fhir_e)4, SMART_FHIR_PATIENT));
}

/* --- compartment ---------------------------------------------------------- */

typedef struct way_t {
    const char *type;
    const char *params; /* joined by commas; NULL: outside */
} way_t;

/* CompartmentDefinition/patient 4.0.1; R4B has the same. */
static const way_t r4_compartment[] = {
    {"Account", "subject"},
    {"AdverseEvent", "subject"},
    {"AllergyIntolerance", "patient,recorder,asserter"},
    {"Appointment", "actor"},
    {"AppointmentResponse", "actor"},
    {"AuditEvent", "patient"},
    {"Basic", "patient,author"},
    {"BodyStructure", "patient"},
    {"CarePlan", "patient,performer"},
    {"CareTeam", "patient,participant"},
    {"ChargeItem", "subject"},
    {"Claim", "patient,payee"},
    {"ClaimResponse", "patient"},
    {"ClinicalImpression", "subject"},
    {"Communication", "subject,sender,recipient"},
    {"CommunicationRequest", "subject,sender,recipient,requester"},
    {"Composition", "subject,author,attester"},
    {"Condition", "patient,asserter"},
    {"Consent", "patient"},
    {"Coverage", "policy-holder,subscriber,beneficiary,payor"},
    {"CoverageEligibilityRequest", "patient"},
    {"CoverageEligibilityResponse", "patient"},
    {"DetectedIssue", "patient"},
    {"DeviceRequest", "subject,performer"},
    {"DeviceUseStatement", "subject"},
    {"DiagnosticReport", "subject"},
    {"DocumentManifest", "subject,author,recipient"},
    {"DocumentReference", "subject,author"},
    {"Encounter", "patient"},
    {"EnrollmentRequest", "subject"},
    {"EpisodeOfCare", "patient"},
    {"ExplanationOfBenefit", "patient,payee"},
    {"FamilyMemberHistory", "patient"},
    {"Flag", "patient"},
    {"Goal", "patient"},
    {"Group", "member"},
    {"ImagingStudy", "patient"},
    {"Immunization", "patient"},
    {"ImmunizationEvaluation", "patient"},
    {"ImmunizationRecommendation", "patient"},
    {"Invoice", "subject,patient,recipient"},
    {"List", "subject,source"},
    {"MeasureReport", "patient"},
    {"Media", "subject"},
    {"MedicationAdministration", "patient,performer,subject"},
    {"MedicationDispense", "subject,patient,receiver"},
    {"MedicationRequest", "subject"},
    {"MedicationStatement", "subject"},
    {"MolecularSequence", "patient"},
    {"NutritionOrder", "patient"},
    {"Observation", "subject,performer"},
    {"Patient", "link"},
    {"Person", "patient"},
    {"Procedure", "patient,performer"},
    {"Provenance", "patient"},
    {"QuestionnaireResponse", "subject,author"},
    {"RelatedPerson", "patient"},
    {"RequestGroup", "subject,participant"},
    {"ResearchSubject", "individual"},
    {"RiskAssessment", "subject"},
    {"Schedule", "actor"},
    {"ServiceRequest", "subject,performer"},
    {"Specimen", "subject"},
    {"SupplyDelivery", "patient"},
    {"SupplyRequest", "subject"},
    {"VisionPrescription", "patient"},
};

/* Where 5.0.0 differs from that. */
static const way_t r5_changes[] = {
    {"AllergyIntolerance", "patient,participant"},
    {"BiologicallyDerivedProductDispense", "patient"},
    {"CarePlan", "patient"},
    {"CommunicationRequest",
     "subject,information-provider,recipient,requester"},
    {"Condition", "patient,participant-actor"},
    {"Consent", "subject"},
    {"Contract", "patient"},
    {"Coverage", "policy-holder,subscriber,beneficiary,paymentby-party"},
    {"DeviceAssociation", "subject,operator"},
    {"DeviceUsage", "patient"},
    {"DeviceUseStatement", NULL},
    {"DocumentManifest", NULL},
    {"EncounterHistory", "patient"},
    {"GenomicStudy", "patient"},
    {"GuidanceResponse", "patient"},
    {"ImagingSelection", "patient"},
    {"Media", NULL},
    {"MedicationAdministration", "patient,subject"},
    {"MolecularSequence", "subject"},
    {"NutritionIntake", "subject,source"},
    {"Patient", SMART_FHIR_DEF ",link"},
    {"RequestGroup", NULL},
    {"RequestOrchestration", "subject,participant"},
    {"ResearchSubject", "subject"},
    {"Task", "patient,focus"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *find_way(const way_t *ways, apr_size_t n, const char *name,
                            bool *found)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (strcmp(ways[i].type, name) == 0) {
            *found = true;
            return ways[i].params;
        }
    }
    *found = false;
    return NULL;
}

static const char *wanted_way(smart_fhir_e v, const char *name)
{
    bool found = false;
    const char *changed =
        v == R5 ? find_way(r5_changes, COUNT(r5_changes), name, &found) : NULL;

    return found
               ? changed
               : find_way(r4_compartment, COUNT(r4_compartment), name, &found);
}

static void join(const char *const *names, char *out, apr_size_t size)
{
    apr_size_t used = 0;

    out[0] = '\0';
    for (; names && *names; names++) {
        used += (apr_size_t)snprintf(out + used, size - used, "%s%s",
                                     used ? "," : "", *names);
        assert_true(used < size);
    }
}

static void the_compartment_is_the_definitions(void **state)
{
    static const unsigned want[] = {66, 66, 73};
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            unsigned members = 0;
            smart_type_t t;
        for
            EACH_TYPE(versions[i], t)
            {
                const char *const *got = smart_fhir_compartment(versions[i], t);
                const char *way =
                    wanted_way(versions[i], smart_fhir_type_name(t));
                char text[200];
                join(got, text, sizeof(text));
                assert_string_equal(text, way ? way : "");
                assert_int_equal(got != NULL, way != NULL);
                members += got != NULL;
            }
        assert_int_equal(members, want[i]);
        }
}

static void every_inclusion_can_be_tested(void **state)
{
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            smart_type_t t;
        for
            EACH_TYPE(versions[i], t)
            {
                const char *const *way = smart_fhir_compartment(versions[i], t);
                for (; way && *way; way++) {
                    const smart_fhir_param_t *p;
                    if (strcmp(*way, SMART_FHIR_DEF) == 0) {
                        assert_int_equal(t, SMART_FHIR_PATIENT);
                        continue;
                    }
                    p = smart_fhir_param(versions[i], t, smart_slice(*way));
                    assert_non_null(p);
                    assert_int_equal(p->kind, SMART_PARAM_REFERENCE);
                    assert_non_null(p->path);
                    assert_true(may_target(p, SMART_FHIR_PATIENT));
                }
            }
        }
}

static void types_that_only_look_like_members_are_outside(void **state)
{
    (void)state;
    assert_null(smart_fhir_compartment(R4, SMART_FHIR_TASK));
    assert_null(smart_fhir_compartment(R4, SMART_FHIR_DEVICE));
    assert_null(smart_fhir_compartment(R4, SMART_FHIR_BINARY));
    assert_null(smart_fhir_compartment(R4, SMART_FHIR_PRACTITIONER));
    assert_null(smart_fhir_compartment(R5, SMART_FHIR_SUBSCRIPTION));
    assert_null(smart_fhir_compartment(R4B, SMART_FHIR_GUIDANCE_RESPONSE));
}

/* --- parameters ----------------------------------------------------------- */

typedef struct says_t {
    smart_fhir_e version;
    const char *type;
    const char *name;
    smart_param_e kind;
    const char *path;
} says_t;

static const says_t says[] = {
    /* a plain element */
    {R4, "Observation", "category", SMART_PARAM_TOKEN, "category"},
    {R4B, "Observation", "category", SMART_PARAM_TOKEN, "category"},
    {R5, "Observation", "category", SMART_PARAM_TOKEN, "category"},
    {R4, "Condition", "clinical-status", SMART_PARAM_TOKEN, "clinicalStatus"},
    {R5, "Condition", "clinical-status", SMART_PARAM_TOKEN, "clinicalStatus"},
    {R4, "Encounter", "class", SMART_PARAM_TOKEN, "class"},
    {R4, "DocumentReference", "type", SMART_PARAM_TOKEN, "type"},
    {R4, "Patient", "gender", SMART_PARAM_TOKEN, "gender"},
    /* a reference, and one held to a type */
    {R4, "Observation", "subject", SMART_PARAM_REFERENCE, "subject"},
    {R4, "Observation", "patient", SMART_PARAM_REFERENCE, "subject[Patient]"},
    {R5, "Observation", "patient", SMART_PARAM_REFERENCE, "subject[Patient]"},
    {R4, "Claim", "patient", SMART_PARAM_REFERENCE, "patient"},
    {R4, "Provenance", "patient", SMART_PARAM_REFERENCE, "target[Patient]"},
    {R4, "AuditEvent", "patient", SMART_PARAM_REFERENCE,
     "agent.who[Patient]|entity.what[Patient]"},
    {R4, "Person", "patient", SMART_PARAM_REFERENCE, "link.target[Patient]"},
    {R4, "Group", "member", SMART_PARAM_REFERENCE, "member.entity"},
    {R5, "DeviceAssociation", "operator", SMART_PARAM_REFERENCE,
     "operation.operator"},
    {R5, "ResearchSubject", "subject", SMART_PARAM_REFERENCE, "subject"},
    /* several elements; only those of the type asked for */
    {R4, "AllergyIntolerance", "code", SMART_PARAM_TOKEN,
     "code|reaction.substance"},
    {R4, "Procedure", "code", SMART_PARAM_TOKEN, "code"},
    /* value[x], cast in three ways and not at all */
    {R4, "Observation", "value-concept", SMART_PARAM_TOKEN,
     "valueCodeableConcept"},
    {R4, "MedicationRequest", "code", SMART_PARAM_TOKEN,
     "medicationCodeableConcept"},
    {R4B, "Condition", "onset-date", SMART_PARAM_DATE,
     "onsetDateTime|onsetPeriod"},
    {R5, "Condition", "onset-date", SMART_PARAM_DATE,
     "onsetDateTime|onsetPeriod"},
    {R4, "Observation", "date", SMART_PARAM_DATE,
     "effectiveDateTime|effectivePeriod|effectiveTiming|effectiveInstant"},
    {R4, "Procedure", "date", SMART_PARAM_DATE,
     "performedDateTime|performedPeriod"},
    {R4, "Observation", "value-string", SMART_PARAM_STRING,
     "valueString|valueCodeableConcept.text"},
    /* a CodeableReference is two */
    {R5, "MedicationRequest", "code", SMART_PARAM_TOKEN, "medication.concept"},
    {R5, "MedicationRequest", "medication", SMART_PARAM_REFERENCE,
     "medication.reference"},
    /* those all types have */
    {R4, "Observation", "_id", SMART_PARAM_TOKEN, "id"},
    {R4, "Binary", "_security", SMART_PARAM_TOKEN, "meta.security"},
    {R4B, "Task", "_tag", SMART_PARAM_TOKEN, "meta.tag"},
    {R4, "Patient", "_profile", SMART_PARAM_URI, "meta.profile"},
    {R5, "Patient", "_profile", SMART_PARAM_REFERENCE, "meta.profile"},
    {R4, "Patient", "_lastUpdated", SMART_PARAM_DATE, "meta.lastUpdated"},
    {R4, "Patient", "_source", SMART_PARAM_URI, "meta.source"},
    {R5, "Patient", "_language", SMART_PARAM_TOKEN, "language"},
    {R4, "Patient", "_text", SMART_PARAM_STRING, NULL},
    {R4, "Patient", "_content", SMART_PARAM_STRING, NULL},
    /* what a path cannot say */
    {R4, "Patient", "email", SMART_PARAM_TOKEN, NULL},
    {R4, "Patient", "telecom", SMART_PARAM_TOKEN, "telecom"},
    {R4, "Patient", "deceased", SMART_PARAM_TOKEN, NULL},
    {R4, "Observation", "code-value-quantity", SMART_PARAM_COMPOSITE, NULL},
    {R4, "Location", "near", SMART_PARAM_SPECIAL, NULL},
    {R4, "ActivityDefinition", "derived-from", SMART_PARAM_REFERENCE, NULL},
    {R5, "Appointment", "date", SMART_PARAM_DATE, NULL},
};

static void parameters_say_where_their_values_are(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < COUNT(says); i++) {
        const smart_fhir_param_t *p =
            param(says[i].version, says[i].type, says[i].name);
        if (!p) {
            fail_msg("%s has no %s", says[i].type, says[i].name);
        }
        assert_string_equal(p->name, says[i].name);
        assert_int_equal(p->kind, says[i].kind);
        if (says[i].path) {
            assert_non_null(p->path);
            assert_string_equal(p->path, says[i].path);
        }
        else {
            assert_null(p->path);
        }
    }
}

static void what_is_not_defined_is_unknown(void **state)
{
    (void)state;
    assert_null(param(R4, "Observation", "Category"));
    assert_null(param(R4, "Observation", "categor"));
    assert_null(param(R4, "Observation", "category:in"));
    assert_null(param(R4, "Observation", "subject.name"));
    assert_null(param(R4, "Observation", ""));
    assert_null(param(R4, "Observation", "clinical-status"));
    assert_null(param(R4, "Patient", "_id "));
    assert_null(param(R4, "Patient", "_language"));  /* R5 */
    assert_null(param(R4, "Patient", "_list"));      /* not in R4's data */
    assert_null(param(R4, "Binary", "_text"));       /* has no narrative */
    assert_null(param(R5, "Condition", "asserter")); /* R4 */
    assert_non_null(param(R4, "Condition", "asserter"));
    assert_null(param(R4, "DetectedIssue", "status")); /* R4B */
    assert_null(param(R4, "Patient", "{def}"));
}

/* Every type that has one of these can be filtered by it. */
static void parameters_of_granular_scopes_have_paths(void **state)
{
    static const char *const names[] = {
        "_id",      "_tag",    "_security",       "status", "code",
        "category", "type",    "clinical-status", "class",  "date",
        "subject",  "patient", "identifier"};
    unsigned i;
    unsigned j;

    (void)state;
    for
        EACH_VERSION(i)
        {
            smart_type_t t;
        for
            EACH_TYPE(versions[i], t)
            {
                for (j = 0; j < COUNT(names); j++) {
                    const smart_fhir_param_t *p =
                        smart_fhir_param(versions[i], t, smart_slice(names[j]));
                    bool unsaid = versions[i] == R5 &&
                                  strcmp(names[j], "date") == 0 &&
                                  (t == SMART_FHIR_APPOINTMENT ||
                                   t == SMART_FHIR_CARE_TEAM);
                    if (p && (p->path == NULL) != unsaid) {
                        fail_msg("%s %s", smart_fhir_type_name(t), names[j]);
                    }
                }
            }
        }
}

static void references_know_their_targets(void **state)
{
    static const smart_type_t want[] = {SMART_FHIR_DEVICE, SMART_FHIR_GROUP,
                                        SMART_FHIR_LOCATION, SMART_FHIR_PATIENT,
                                        SMART_TYPE_NONE};
    const smart_fhir_param_t *p = param(R4, "Observation", "subject");

    (void)state;
    assert_memory_equal(p->targets, want, sizeof(want));
    assert_false(p->any_target);

    p = param(R4, "Observation", "patient");
    assert_true(may_target(p, SMART_FHIR_PATIENT));
    assert_false(may_target(p, SMART_FHIR_GROUP));

    p = param(R4, "Task", "focus");
    assert_true(p->any_target);
    assert_null(p->targets);

    p = param(R4, "Observation", "code");
    assert_false(p->any_target);
    assert_null(p->targets);
}

/* --- the whole table ------------------------------------------------------ */

/* The grammar of fhir.h; the end of what it took, NULL if that is nothing. */
static const char *take_name(const char *at, bool capital)
{
    const char *start = at;

    if (capital ? *at < 'A' || *at > 'Z' : *at < 'a' || *at > 'z') {
        return NULL;
    }
    while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
           (*at >= '0' && *at <= '9')) {
        at++;
    }
    return at > start ? at : NULL;
}

static const char *take_alternative(const char *at, smart_fhir_e v)
{
    at = take_name(at, false);
    while (at && *at == '.') {
        at = take_name(at + 1, false);
    }
    if (at && *at == '[') {
        const char *start = at + 1;
        at = take_name(start, true);
        if (!at || *at != ']' ||
            !smart_fhir_type(v,
                             smart_slice_n(start, (apr_size_t)(at - start)))) {
            return NULL;
        }
        at++;
    }
    return at;
}

static bool is_path(const char *path, smart_fhir_e v)
{
    const char *at = take_alternative(path, v);

    while (at && *at == '|') {
        at = take_alternative(at + 1, v);
    }
    return at && *at == '\0';
}

static void assert_sound(smart_fhir_e v, const smart_fhir_param_t *p)
{
    const smart_type_t *at;

    assert_int_not_equal(p->kind, SMART_PARAM_NONE);
    assert_true(p->kind <= SMART_PARAM_SPECIAL);
    assert_int_equal(p->targets != NULL || p->any_target,
                     p->kind == SMART_PARAM_REFERENCE);
    assert_false(p->targets && p->any_target);
    for (at = p->targets; at && *at != SMART_TYPE_NONE; at++) {
        assert_true(smart_fhir_type_known(v, *at));
    }
    if (p->kind == SMART_PARAM_COMPOSITE || p->kind == SMART_PARAM_SPECIAL) {
        assert_null(p->path);
    }
    if (p->path && !is_path(p->path, v)) {
        fail_msg("%s: %s", p->name, p->path);
    }
}

/* Names ascend, or the binary search would miss some. */
static void assert_list_sound(smart_fhir_e v, smart_type_t t,
                              const smart_fhir_row_t *row)
{
    const char *last = "";
    unsigned i;

    for (i = 0; i < row->count; i++) {
        const smart_fhir_param_t *p =
            &smart_fhir_params[smart_fhir_lists[row->params + i]];
        assert_true(strcmp(last, p->name) < 0);
        last = p->name;
        assert_sound(v, p);
        assert_ptr_equal(smart_fhir_param(v, t, smart_slice(p->name)), p);
    }
}

static void every_parameter_is_sound_and_found(void **state)
{
    unsigned i;

    (void)state;
    for
        EACH_VERSION(i)
        {
            const smart_fhir_row_t *rows = smart_fhir_rows[versions[i] - 1];
            unsigned n = rows[0].count;
            smart_type_t t;
        for
            EACH_TYPE(versions[i], t)
            {
                assert_list_sound(versions[i], t, &rows[0]);
                assert_list_sound(versions[i], t, &rows[t]);
                n += rows[t].count;
            }
        assert_true(n > 1600);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_has_its_number_of_types),
        cmocka_unit_test(names_and_numbers_agree),
        cmocka_unit_test(the_walk_is_in_order_and_complete),
        cmocka_unit_test(only_exact_names_are_types),
        cmocka_unit_test(names_need_not_end),
        cmocka_unit_test(a_type_is_known_in_its_versions_only),
        cmocka_unit_test(what_is_no_type_or_version_knows_nothing),
        cmocka_unit_test(the_compartment_is_the_definitions),
        cmocka_unit_test(every_inclusion_can_be_tested),
        cmocka_unit_test(types_that_only_look_like_members_are_outside),
        cmocka_unit_test(parameters_say_where_their_values_are),
        cmocka_unit_test(what_is_not_defined_is_unknown),
        cmocka_unit_test(parameters_of_granular_scopes_have_paths),
        cmocka_unit_test(references_know_their_targets),
        cmocka_unit_test(every_parameter_is_sound_and_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
