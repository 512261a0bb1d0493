/* SPDX-License-Identifier: Apache-2.0 */
/*
 * element.h: the elements that a path leads to in a resource (the grammar of
 * paths is in fhir.h).
 *
 * An array stands for each of its items, at every step. FHIR has no array
 * within an array: the inner one is an element like a string or an object,
 * which leads nowhere and is nothing to compare with.
 *
 * What FHIR puts beside a primitive ("_subject") has another name, so no path
 * leads there.
 */
#ifndef SMART_ELEMENT_H
#define SMART_ELEMENT_H

#include "core/base.h"
#include "core/json.h"

/**
 * Look at an element.
 * @param baton what smart_element_any was given
 * @param value the element; never NULL
 * @param type  counts only as a Reference to this type; empty: any
 * @return true: seen enough
 */
typedef bool smart_element_see_fn(void *baton, const smart_json_t *value,
                                  smart_slice_t type);

/**
 * Look at each element of a path, until one is enough.
 * @param resource any value; an object has elements
 * @param path     a path of smart_fhir_param_t; NULL leads nowhere
 * @return whether one was enough
 */
bool smart_element_any(const smart_json_t *resource, const char *path,
                       smart_element_see_fn *see, void *baton);

#endif
