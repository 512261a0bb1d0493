/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_date.h: the dates of a resource held against the date of a search
 * (FHIR, Search, date).
 *
 *   value = [ "eq" / "ne" / "gt" / "lt" / "ge" / "le" / "sa" / "eb" ] date
 *   date  = YYYY [ "-MM" [ "-DD" [ "Thh:mm" [ ":ss" [ "." digits ] ] zone ] ] ]
 *   zone  = "Z" / ( "+" / "-" ) "hh:mm"
 *
 * A date is the range of time that it may mean: 2024-02 is all of February. An
 * element is one: a date, dateTime or instant, a Period (open where start or
 * end is missing), or a Timing of events without repetition.
 *
 *   eq  the range of the value holds all of the element's; ne  it does not
 *   gt  something of the element is after the value; lt  before it
 *   ge  gt or eq; le  lt or eq
 *   sa  all of the element is after the value; eb  before it
 *
 * A date without a time has no zone: against another one it is compared as it
 * stands, against a time with a zone it holds only what holds in every zone
 * there is.
 *
 * Does not hold, whatever the rest: a time without a zone, the prefix "ap",
 * second 60, hour 24, dates that no calendar has, a Period that ends before it
 * starts.
 */
#ifndef SMART_MATCH_DATE_H
#define SMART_MATCH_DATE_H

#include "core/base.h"
#include "core/json.h"

/**
 * Hold an element against a value.
 * @param value   of the search, unescaped
 * @param element any value
 */
bool smart_match_date(smart_slice_t value, const smart_json_t *element);

#endif
