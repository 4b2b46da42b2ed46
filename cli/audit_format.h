// How `sealtrain-audit` shows entries: a line, all fields, JSON.
//
// Names in entries come from whoever asked for something. They reach a terminal
// only through Printable().
#ifndef SEALTRAIN_CLI_AUDIT_FORMAT_H_
#define SEALTRAIN_CLI_AUDIT_FORMAT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "sealtrain/audit/log_reader.h"

namespace sealtrain::cli {

struct LineStyle {
  int index_width = 1;  // digits
  bool colour = false;
};
// One line, no newline: index, time, verdict, who, what was done, to what, what
// for, and the reason or the privacy spent.
std::string FormatLine(const audit::Entry& entry, const LineStyle& style);

// All fields that are set, times as RFC 3339, digests and ids in hex; with
// index and leaf hash.
nlohmann::ordered_json ToJson(const audit::Entry& entry);
// The same for people: a line for each.
std::string FormatFields(const audit::Entry& entry);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_AUDIT_FORMAT_H_
