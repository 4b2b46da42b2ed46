#include "sealtrain/cli/audit_commands.h"

namespace sealtrain::cli {
namespace {

constexpr char kDescription[] =
    R"help(Reads and verifies the audit log: who opened what, when and what for.
Collects the cosignatures of witnesses, and is one.

Examples:
  sealtrain-audit --home H log -n 20
  sealtrain-audit --home H search --dataset mails --verdict denied --since 7d
  sealtrain-audit --log COPY verify --vkey "$(cat log.vkey)" --old checkpoint-of-last-week
  sealtrain-audit --home H report --since 30d --html review.html
  sealtrain-audit --home H prove 17 --out 17.tlog-proof --entry 17.entry
  sealtrain-audit --home H export --format ocsf --since 1d >events.jsonl
  sealtrain-audit --home H cosign --policy trust.policy
  sealtrain-audit --log COPY verify --policy trust.policy --max-age 2d
  sealtrain-audit verify-model spam.receipt --vkey "$(cat log.vkey)"

Exit codes: 0 ok, 1 nothing found or findings, 2 usage, or what was named cannot be read, 4 the
log was changed, truncated, rolled back or forked, or a proof or receipt does not hold, 75 try
again.)help";

}  // namespace

void AddAuditCommands(CLI::App& app, AuditContext& context) {
  app.name("sealtrain-audit");
  app.description(kDescription);
  app.set_version_flag("--version", SEALTRAIN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  context.AddGlobalOptions(app);
  AddQueryCommands(app, context);
  AddExportCommand(app, context);
  AddReviewCommands(app, context);
  AddWatchCommand(app, context);
  AddVerifyCommands(app, context);
  AddModelCommand(app, context);
  AddWitnessCommands(app, context);
}

}  // namespace sealtrain::cli
