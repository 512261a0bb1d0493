# SPDX-License-Identifier: Apache-2.0
# What the lab's FHIR R4 backend knows about search parameters: per type the
# name, kind and the places in a resource. A place is a dotted path; arrays on
# the way are walked; "a|b" are alternatives. Kinds: token, ref, date, string,
# uri, quantity.
package Smart::FhirParams;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(fhir_type_known fhir_types fhir_param fhir_params
    fhir_compartment fhir_values);

my @TYPES = qw(Account ActivityDefinition AdverseEvent AllergyIntolerance
    Appointment AppointmentResponse AuditEvent Basic Binary
    BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan
    CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse
    ClinicalImpression CodeSystem Communication CommunicationRequest
    CompartmentDefinition Composition ConceptMap Condition Consent Contract
    Coverage CoverageEligibilityRequest CoverageEligibilityResponse
    DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference
    EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest
    EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable
    ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal
    GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy
    Immunization ImmunizationEvaluation ImmunizationRecommendation
    ImplementationGuide InsurancePlan Invoice Library Linkage List Location
    Measure MeasureReport Media Medication MedicationAdministration
    MedicationDispense MedicationKnowledge MedicationRequest
    MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction
    MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
    MessageDefinition MessageHeader MolecularSequence NamingSystem
    NutritionOrder Observation ObservationDefinition OperationDefinition
    OperationOutcome Organization OrganizationAffiliation Parameters Patient
    PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner
    PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse
    RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition
    ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule
    SearchParameter ServiceRequest Slot Specimen SpecimenDefinition
    StructureDefinition StructureMap Subscription Substance
    SubstanceNucleicAcid SubstancePolymer SubstanceProtein
    SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
    SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
    TestScript ValueSet VerificationResult VisionPrescription);
my %KNOWN = map { $_ => 1 } @TYPES;

# R4 CompartmentDefinition/patient, by search parameter.
my %COMPARTMENT = map {
    my ($t, $p) = split /:/;
    ($t => [split /,/, $p]);
} split ' ', 'Account:subject AdverseEvent:subject
    AllergyIntolerance:patient,recorder,asserter Appointment:actor
    AppointmentResponse:actor AuditEvent:patient Basic:patient,author
    BodyStructure:patient CarePlan:patient,performer
    CareTeam:patient,participant ChargeItem:subject Claim:patient,payee
    ClaimResponse:patient ClinicalImpression:subject
    Communication:subject,sender,recipient
    CommunicationRequest:subject,sender,recipient,requester
    Composition:subject,author,attester Condition:patient,asserter
    Consent:patient Coverage:policy-holder,subscriber,beneficiary,payor
    CoverageEligibilityRequest:patient CoverageEligibilityResponse:patient
    DetectedIssue:patient DeviceRequest:subject,performer
    DeviceUseStatement:subject DiagnosticReport:subject
    DocumentManifest:subject,author,recipient DocumentReference:subject,author
    Encounter:patient EnrollmentRequest:subject EpisodeOfCare:patient
    ExplanationOfBenefit:patient,payee FamilyMemberHistory:patient Flag:patient
    Goal:patient Group:member ImagingStudy:patient Immunization:patient
    ImmunizationEvaluation:patient ImmunizationRecommendation:patient
    Invoice:subject,patient,recipient List:subject,source MeasureReport:patient
    Media:subject MedicationAdministration:patient,performer,subject
    MedicationDispense:subject,patient,receiver MedicationRequest:subject
    MedicationStatement:subject MolecularSequence:patient NutritionOrder:patient
    Observation:subject,performer Patient:link Person:patient
    Procedure:patient,performer Provenance:patient
    QuestionnaireResponse:subject,author RelatedPerson:patient
    RequestGroup:subject,participant ResearchSubject:individual
    RiskAssessment:subject Schedule:actor ServiceRequest:subject,performer
    Specimen:subject SupplyDelivery:patient SupplyRequest:subject
    VisionPrescription:patient';

# Types outside these have no "patient" parameter in R4 although they are in
# the compartment; those after the bar have one although they are not.
my %NO_PATIENT = map { $_ => 1 } qw(AdverseEvent Group Patient Schedule
    SupplyRequest);
my @PATIENT_TOO = qw(Contract Device GuidanceResponse Task);

# Where a parameter lives when the type says nothing else.
my %PLACE = (
    'actor' => 'participant.actor|actor', 'asserter' => 'asserter',
    'attester' => 'attester.party', 'author' => 'author',
    'beneficiary' => 'beneficiary', 'individual' => 'individual',
    'link' => 'link.other', 'member' => 'member.entity',
    'participant' => 'participant.member|action.participant',
    'patient' => 'subject|patient|beneficiary|for|individual|candidate',
    'payee' => 'payee.party', 'payor' => 'payor',
    'performer' => 'performer.actor|performer',
    'policy-holder' => 'policyHolder', 'receiver' => 'receiver',
    'recipient' => 'recipient', 'recorder' => 'recorder',
    'requester' => 'requester', 'sender' => 'sender', 'source' => 'source',
    'subject' => 'subject|candidate', 'subscriber' => 'subscriber');

# Own tables of types, over the general ones below.
my %TABLE = (
    Patient => 'active:token:active birthdate:date:birthDate '
        . 'family:string:name.family given:string:name.given '
        . 'name:string:name gender:token:gender address:string:address '
        . 'phone:token:telecom email:token:telecom telecom:token:telecom '
        . 'organization:ref:managingOrganization link:ref:link.other '
        . 'general-practitioner:ref:generalPractitioner '
        . 'deceased:token:deceasedBoolean',
    AppointmentResponse => 'patient:ref:actor appointment:ref:appointment',
    Person => 'name:string:name gender:token:gender birthdate:date:birthDate '
        . 'patient:ref:link.target link:ref:link.target',
    Practitioner => 'name:string:name family:string:name.family '
        . 'given:string:name.given gender:token:gender active:token:active',
    PractitionerRole => 'practitioner:ref:practitioner '
        . 'organization:ref:organization',
    RelatedPerson => 'name:string:name gender:token:gender '
        . 'birthdate:date:birthDate patient:ref:patient',
    Organization => 'name:string:name active:token:active partof:ref:partOf',
    Location => 'name:string:name organization:ref:managingOrganization',
    Observation => 'date:date:effectiveDateTime|effectivePeriod '
        . 'encounter:ref:encounter focus:ref:focus '
        . 'value-quantity:quantity:valueQuantity '
        . 'value-concept:token:valueCodeableConcept value-string:string:'
        . 'valueString has-member:ref:hasMember derived-from:ref:derivedFrom '
        . 'device:ref:device specimen:ref:specimen based-on:ref:basedOn '
        . 'combo-code:token:code|component.code '
        . 'component-code:token:component.code',
    Condition => 'clinical-status:token:clinicalStatus '
        . 'verification-status:token:verificationStatus '
        . 'severity:token:severity '
        . 'onset-date:date:onsetDateTime recorded-date:date:recordedDate '
        . 'abatement-date:date:abatementDateTime encounter:ref:encounter '
        . 'subject:ref:subject evidence-detail:ref:evidence.detail',
    Encounter => 'class:token:class date:date:period type:token:type '
        . 'participant:ref:participant.individual subject:ref:subject '
        . 'practitioner:ref:participant.individual '
        . 'location:ref:location.location diagnosis:ref:diagnosis.condition '
        . 'service-provider:ref:serviceProvider part-of:ref:partOf',
    DiagnosticReport => 'date:date:effectiveDateTime|effectivePeriod '
        . 'issued:date:issued result:ref:result encounter:ref:encounter '
        . 'performer:ref:performer based-on:ref:basedOn '
        . 'conclusion:token:conclusionCode specimen:ref:specimen',
    Coverage => 'type:token:type payor:ref:payor',
    DocumentReference => 'date:date:date type:token:type '
        . 'encounter:ref:context.encounter period:date:context.period '
        . 'location:uri:content.attachment.url related:ref:context.related '
        . 'contenttype:token:content.attachment.contentType',
    Device => 'type:token:type device-name:string:deviceName.name '
        . 'organization:ref:owner location:ref:location',
    Task => 'owner:ref:owner requester:ref:requester focus:ref:focus '
        . 'subject:ref:for authored-on:date:authoredOn intent:token:intent '
        . 'based-on:ref:basedOn encounter:ref:encounter',
    Provenance => 'target:ref:target recorded:date:recorded '
        . 'agent:ref:agent.who patient:ref:target entity:ref:entity.what',
    AuditEvent => 'agent:ref:agent.who entity:ref:entity.what '
        . 'date:date:recorded type:token:type '
        . 'patient:ref:agent.who|entity.what action:token:action',
    Medication => 'form:token:form manufacturer:ref:manufacturer',
    MedicationRequest => 'medication:ref:medicationReference '
        . 'intent:token:intent authoredon:date:authoredOn '
        . 'encounter:ref:encounter requester:ref:requester '
        . 'intended-dispenser:ref:dispenseRequest.performer',
    MedicationStatement => 'medication:ref:medicationReference '
        . 'effective:date:effectiveDateTime context:ref:context',
    MedicationAdministration => 'medication:ref:medicationReference '
        . 'context:ref:context effective-time:date:effectiveDateTime',
    MedicationDispense => 'medication:ref:medicationReference '
        . 'context:ref:context prescription:ref:authorizingPrescription',
    Group => 'actual:token:actual type:token:type member:ref:member.entity '
        . 'managing-entity:ref:managingEntity',
    List => 'item:ref:entry.item title:string:title date:date:date '
        . 'encounter:ref:encounter',
    Appointment => 'date:date:start practitioner:ref:participant.actor '
        . 'location:ref:participant.actor patient:ref:participant.actor '
        . 'slot:ref:slot',
    Subscription => 'criteria:string:criteria url:uri:channel.endpoint '
        . 'type:token:channel.type payload:token:channel.payload',
    Composition => 'type:token:type date:date:date title:string:title '
        . 'entry:ref:section.entry encounter:ref:encounter',
    Immunization => 'date:date:occurrenceDateTime '
        . 'vaccine-code:token:vaccineCode location:ref:location',
    Procedure => 'date:date:performedDateTime|performedPeriod '
        . 'encounter:ref:encounter subject:ref:subject',
    Goal => 'lifecycle-status:token:lifecycleStatus subject:ref:subject',
    CarePlan => 'date:date:period encounter:ref:encounter '
        . 'subject:ref:subject performer:ref:activity.detail.performer',
    CareTeam => 'subject:ref:subject encounter:ref:encounter',
    AllergyIntolerance => 'clinical-status:token:clinicalStatus '
        . 'date:date:recordedDate type:token:type',
    ServiceRequest => 'authored:date:authoredOn intent:token:intent '
        . 'encounter:ref:encounter requester:ref:requester',
    Specimen => 'type:token:type collected:date:collection.collectedDateTime',
    QuestionnaireResponse => 'questionnaire:uri:questionnaire '
        . 'authored:date:authored encounter:ref:encounter '
        . 'source:ref:source',
    ValueSet => 'url:uri:url name:string:name title:string:title '
        . 'version:token:version',
    CodeSystem => 'url:uri:url name:string:name version:token:version',
    Questionnaire => 'url:uri:url name:string:name title:string:title',
    Claim => 'use:token:use provider:ref:provider created:date:created',
    ExplanationOfBenefit => 'provider:ref:provider created:date:created',
    Consent => 'date:date:dateTime data:ref:provision.data.reference',
    Slot => 'schedule:ref:schedule start:date:start',
    Endpoint => 'name:string:name organization:ref:managingOrganization',
);

my %COMMON = (
    identifier => ['token', 'identifier'], status => ['token', 'status'],
    code => ['token', 'code'], category => ['token', 'category']);

my %EVERY = (
    _id => ['token', 'id'], _lastUpdated => ['date', 'meta.lastUpdated'],
    _tag => ['token', 'meta.tag'], _security => ['token', 'meta.security'],
    _profile => ['uri', 'meta.profile'], _source => ['uri', 'meta.source'],
    _language => ['token', 'language']);

my %PARAMS;
for my $t (@TYPES) {
    my %p = (%EVERY, %COMMON);
    $p{$_} = ['ref', $PLACE{$_}] for @{$COMPARTMENT{$t} || []};
    $p{patient} ||= ['ref', $PLACE{patient}]
        if $COMPARTMENT{$t} && !$NO_PATIENT{$t};
    for (split ' ', $TABLE{$t} // '') {
        my ($name, $kind, $place) = split /:/;
        $p{$name} = [$kind, $place];
    }
    $PARAMS{$t} = \%p;
}
$PARAMS{$_}{patient} = ['ref', $PLACE{patient}] for @PATIENT_TOO;
delete $PARAMS{Patient}{$_} for qw(code category status);

sub fhir_type_known { return $KNOWN{$_[0]} }
sub fhir_types { return @TYPES }

# [kind, places] of a parameter, or undef.
sub fhir_param { return ($PARAMS{$_[0]} || {})->{$_[1]} }

# Names of the parameters of a type.
sub fhir_params { return sort keys %{$PARAMS{$_[0]} || {}} }

# Inclusion parameters of the Patient compartment.
sub fhir_compartment { return @{$COMPARTMENT{$_[0]} || []} }

# All values at the places in a resource.
sub fhir_values {
    my ($resource, $places) = @_;
    return map { _at($resource, split /\./) } split /\|/, $places;
}

sub _at {
    my ($v, @path) = @_;
    return map { _at($_, @path) } @$v if ref $v eq 'ARRAY';
    return defined $v ? ($v) : () if !@path;
    return () if ref $v ne 'HASH';
    my $k = shift @path;
    return exists $v->{$k} ? _at($v->{$k}, @path) : ();
}

1;
