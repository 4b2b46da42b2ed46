// How entries are shown: a line, all fields, JSON.
//
// Names in entries come from whoever asked for something. They reach people
// only through Printable(), and JSON is pure ASCII.
#ifndef SEALTRAIN_AUDIT_EVENT_VIEW_H_
#define SEALTRAIN_AUDIT_EVENT_VIEW_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

struct LineStyle {
  int index_width = 1;  // digits
  bool colour = false;
};
// One line, no newline: index, time, verdict, who, what was done, to what, what
// for, and the reason or the privacy spent.
std::string FormatLine(const Entry& entry, const LineStyle& style);

// The data set with its generation, the model, or the key of an event; "-" if
// there is none of them.
std::string WhatTo(const Object& object);

// All fields that are set, times as RFC 3339, digests and ids in hex; with
// index and leaf hash.
nlohmann::ordered_json ToJson(const Entry& entry);
// The same for people: a line for each.
std::string FormatFields(const Entry& entry);

// JSON in pure ASCII without line breaks; malformed UTF-8 becomes U+FFFD.
std::string OneLine(const nlohmann::ordered_json& json);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_EVENT_VIEW_H_
