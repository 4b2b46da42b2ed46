// ArcSight Common Event Format, version 0 ("Implementing ArcSight Common Event
// Format", revision 26).
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/export.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

// In the header a bar ends a field, in the extension an equals sign would start one.
std::string HeaderText(absl::string_view text) {
  return absl::StrReplaceAll(Printable(text), {{"\\", "\\\\"}, {"|", "\\|"}});
}
std::string ExtensionText(absl::string_view text) {
  return absl::StrReplaceAll(Printable(text), {{"\\", "\\\\"}, {"=", "\\="}});
}

// Of 0 to 10.
int CefSeverity(Phase phase) {
  switch (phase) {
    case DENIED:
      return 6;
    case FAILED:
    case ABANDONED:
      return 4;
    default:
      return 2;
  }
}

class Extension {
 public:
  void Add(absl::string_view key, absl::string_view value) {
    if (value.empty()) return;
    absl::StrAppend(&text_, text_.empty() ? "" : " ", key, "=", ExtensionText(value));
  }
  // One of the fields that a vendor gives a meaning by a label.
  void AddCustom(absl::string_view key, absl::string_view label, absl::string_view value) {
    if (value.empty()) return;
    Add(key, value);
    Add(absl::StrCat(key, "Label"), label);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string IfSet(std::uint64_t number) { return number == 0 ? "" : absl::StrCat(number); }

class Cef final : public EntryFormatter {
 public:
  explicit Cef(ExportSource source) : source_(std::move(source)) {}

  std::string Format(const Entry& entry) const override {
    const Event& event = entry.event;
    const Object& object = event.object();
    const std::string type = TypeName(event.type());
    const std::string verdict = VerdictName(event.phase());
    Extension extension;
    extension.Add("rt", absl::StrCat(event.wall_time_ns() / 1'000'000));
    extension.Add("externalId", HexEncode(AsBytes(event.uid())));
    extension.Add("suser", event.actor().principal());
    extension.Add("shost", event.actor().host());
    extension.Add("spid", IfSet(event.actor().pid()));
    extension.Add("act", event.action());
    extension.Add("outcome", verdict);
    extension.Add("reason", event.reason_code());
    extension.AddCustom("cs1", "dataset", object.dataset());
    extension.AddCustom("cs2", "purpose", event.purpose());
    extension.AddCustom("cs3", "columns", absl::StrJoin(object.column(), ","));
    extension.AddCustom("cs4", "model", object.model());
    extension.AddCustom("cs5", "policySha256", HexEncode(AsBytes(event.policy().sha256())));
    extension.AddCustom("cs6", "log", source_.checkpoint.origin);
    // An index of 0 is one.
    extension.AddCustom("cn1", "index", absl::StrCat(entry.index));
    extension.AddCustom("cn2", "generation", IfSet(object.generation()));
    extension.AddCustom("cn3", "rows", IfSet(object.rows()));
    if (event.has_privacy()) {
      extension.AddCustom("cfp1", "epsilon", FormatEpsilon(event.privacy().epsilon()));
      extension.AddCustom("cfp2", "ledgerEpsilon", FormatEpsilon(event.privacy().ledger_epsilon()));
    }
    return absl::StrCat("CEF:0|Sealtrain|sealtrain-audit|", HeaderText(source_.product_version),
                        "|", HeaderText(type), "|", HeaderText(absl::StrCat(type, " ", verdict)),
                        "|", CefSeverity(event.phase()), "|", extension.text(), "\n");
  }

 private:
  const ExportSource source_;
};

}  // namespace

std::unique_ptr<EntryFormatter> CefFormatter(ExportSource source) {
  return std::make_unique<Cef>(std::move(source));
}

}  // namespace sealtrain::audit
