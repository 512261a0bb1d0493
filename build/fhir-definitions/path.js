// SPDX-License-Identifier: Apache-2.0
//
// path.js: turns the FHIRPath expression of a search parameter into the path
// grammar of mod_smart/core/fhir.h, for one resource type.
//
//   pathOf(model, type, param) -> {path, targets}
//
// path is null where the expression is not simple. It never is half of an
// expression: one alternative that cannot be said makes the whole path null,
// so a reader of paths sees every value that the parameter is about, or knows
// that it does not. targets is for references: type names, or something
// false for any.
//
// Every step is looked up in the element model. An unknown one is an error of
// this file or of its input and stops the generator.
'use strict';

const corrections = require('./corrections.js');

/* Data types that can hold a value of a kind, where x[y] has others too. */
const FITS = {
    date: ['date', 'dateTime', 'instant', 'Period', 'Timing'],
    number: ['decimal', 'integer', 'integer64', 'positiveInt', 'unsignedInt',
        'Range'],
    quantity: ['Quantity', 'Age', 'Count', 'Distance', 'Duration', 'Money',
        'Range', 'Ratio', 'SampledData'],
    reference: ['Reference', 'canonical', 'uri', 'CodeableReference'],
    string: ['string', 'markdown', 'HumanName', 'Address', 'Annotation'],
    token: ['boolean', 'code', 'id', 'string', 'uri', 'canonical', 'Coding',
        'CodeableConcept', 'CodeableReference', 'ContactPoint', 'Identifier'],
    uri: ['uri', 'url', 'canonical', 'oid', 'uuid'],
};
const POINTS = ['Reference', 'canonical', 'uri', 'CodeableReference'];

function capital(name) {
    return name[0].toUpperCase() + name.slice(1);
}

/* Split at '|' outside of parentheses and quotes. */
function alternatives(expression) {
    const out = [''];
    let depth = 0;
    let quoted = false;

    for (const c of expression) {
        quoted = c === '\'' ? !quoted : quoted;
        depth += quoted ? 0 : (c === '(') - (c === ')');
        if (c === '|' && depth === 0 && !quoted) {
            out.push('');
        } else {
            out[out.length - 1] += c;
        }
    }
    return out.map((one) => one.replace(/\s+/g, ' ').trim()).filter(Boolean);
}

/* Is the first parenthesis closed by the last character? */
function isWrapped(text) {
    let depth = 0;

    for (let i = 0; i < text.length; i++) {
        depth += (text[i] === '(') - (text[i] === ')');
        if (depth === 0) {
            return text[0] === '(' && i === text.length - 1;
        }
    }
    return false;
}

function unwrap(text) {
    return isWrapped(text) ? unwrap(text.slice(1, -1).trim()) : text;
}

/* Alternatives with parentheses around several of them taken apart. */
function terms(expression) {
    return alternatives(expression).flatMap((one) => {
        const inner = unwrap(one);
        return inner === one ? [one] : terms(inner);
    });
}

/*
 * "Type.a.b" with casts -> {base, steps: [{name, cast}], filter}, base empty
 * where the type is left out; null when it is anything else.
 */
function parse(term) {
    const head = term.match(/^\(([\w.]+) as (\w+)\)(.*)$/)
        || term.match(/^([\w.]+) as (\w+)$/);
    const text = head ? `${head[1]}.as(${head[2]})${head[3] || ''}` : term;
    const whole = text.match(new RegExp(
        '^(?:([A-Z]\\w*)\\.)?'
        + '([a-z]\\w*(?:\\.(?:as|ofType)\\(\\w+\\)|\\.[a-z]\\w*(?![\\w(]))*)'
        + '(?:\\.where\\(resolve\\(\\) is (\\w+)\\))?$'));

    if (!whole) {
        return null;
    }
    const step = /\.([a-z]\w*)(?:\.(?:as|ofType)\((\w+)\))?/g;
    return {
        base: whole[1] || '',
        steps: [...`.${whole[2]}`.matchAll(step)].map(([, name, cast]) => (
            {name, cast})),
        filter: whole[3],
    };
}

/* The type that a term is for; empty where the term does not say. */
function baseOf(term) {
    const known = corrections.anonymous[term];
    const word = term.match(/[A-Z]\w*(?=\.)/);

    return known
        || (word && /^\W*$/.test(term.slice(0, word.index)) ? word[0] : '');
}

/*
 * The terms of an expression that are for one type. A term may leave out its
 * type only where no other type shares the expression.
 */
function termsOf(expression, type) {
    const bases = [type, 'Resource', 'DomainResource'];
    const all = terms(expression).map((term) => ({term, base: baseOf(term)}));
    const foreign = all.some(({base}) => base && !bases.includes(base));
    const open = all.find(({base}) => !base);

    if (foreign && open) {
        throw new Error(`no telling which type this is for: ${open.term}`);
    }
    return all.filter(({base}) => !base || bases.includes(base))
        .map(({term}) => term);
}

/* JSON names and types that one step can lead to from one owner. */
function membersOf(owner, step, kind, isLast) {
    const plain = owner.get(step.name);

    if (plain) {
        return [[step.name, plain]];
    }
    const out = [];
    for (const [json, what] of owner) {
        const type = what.type;
        if (json !== step.name + capital(type)) {
            continue;
        }
        if (step.cast ? type === step.cast
            : !isLast || (FITS[kind] || []).includes(type)) {
            out.push([json, what]);
        }
    }
    return out;
}

/* All JSON paths of a parsed term: [{path, element}]. */
function walk(model, type, parsed, kind) {
    let here = [{path: '', element: {type}}];

    parsed.steps.forEach((step, i) => {
        const isLast = i === parsed.steps.length - 1;
        here = here.flatMap(({path, element}) => {
            const owner = model.elements.get(element.type);
            return (owner ? membersOf(owner, step, kind, isLast) : []).map(
                ([json, what]) => ({
                    path: path ? `${path}.${json}` : json,
                    element: what,
                }));
        });
    });
    return here;
}

/* A leaf that a request's value can be compared with; a CodeableReference is
   two leaves, one for tokens, one for references. */
function leaf(one, kind) {
    const {path, element} = one;

    if (element.type === 'CodeableReference') {
        return kind === 'token' ? {path: `${path}.concept`, element: {}}
            : {path: `${path}.reference`, element: {targets: null}};
    }
    if (kind === 'reference' && !POINTS.includes(element.type)) {
        return null;
    }
    return one;
}

function targetsOf(leaves, filter) {
    const out = new Set();

    for (const {element} of leaves) {
        const targets = filter ? [filter] : element.targets;
        if (!targets) {
            return null;
        }
        targets.forEach((name) => out.add(name));
    }
    return [...out];
}

/* One term -> {paths, targets}; null when it cannot be said. */
function sayTerm(model, type, term, kind) {
    const parsed = parse(term);

    if (!parsed) {
        return null;
    }
    const found = walk(model, type, parsed, kind);
    if (corrections.nowhere.includes(`${model.name} ${type}: ${term}`)) {
        return null;
    }
    if (found.length === 0) {
        throw new Error(`${model.name}: ${type} has no ${term} for a ${kind}`);
    }
    const leaves = found.map((one) => leaf(one, kind));
    if (leaves.includes(null) || (parsed.filter && kind !== 'reference')) {
        return null;
    }
    const suffix = parsed.filter ? `[${parsed.filter}]` : '';
    return {
        paths: leaves.map(({path}) => path + suffix),
        targets: targetsOf(leaves, parsed.filter),
    };
}

/* Of what the elements may point at, what the parameter may; null: any. */
function limit(targets, allowed) {
    if (!targets || !allowed) {
        return targets ? [...new Set(targets)].sort() : allowed || null;
    }
    return limit(targets.filter((name) => allowed.includes(name)), null);
}

/** See the head of this file. */
exports.pathOf = function pathOf(model, type, param) {
    const {kind, expression, targets: allowed} = param;
    const unsaid = {path: null, targets: kind === 'reference' && allowed};

    if (kind === 'composite' || kind === 'special') {
        return unsaid;
    }
    const said = termsOf(expression, type).map(
        (term) => sayTerm(model, type, term, kind));
    if (said.length === 0 || said.includes(null)) {
        return unsaid;
    }
    const paths = [...new Set(said.flatMap(({paths: some}) => some))];
    const any = said.some(({targets}) => !targets);
    return {
        path: paths.join('|'),
        targets: kind === 'reference' && limit(any ? null
            : said.flatMap(({targets}) => targets), allowed),
    };
};
