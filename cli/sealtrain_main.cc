// sealtrain: custody, policy, ingestion and training from the command line.
#include <optional>
#include <string>

#include "sealtrain/base/lockdown.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"

namespace sealtrain::cli {
namespace {

constexpr char kProgramExamples[] = R"(Examples:
  sealtrain --home H --passphrase-file P init
  sealtrain --home H dataset create mails --schema mail.proto --message Mail
  sealtrain --home H policy check policy.textproto
  sealtrain --home H ingest mails --from mails.jsonl --format jsonl --purpose safety/abuse-detection
  sealtrain --home H train mails --purpose safety/abuse-detection --spec spam.textproto --model-name spam

Exit codes: 0 ok, 1 check failed or findings, 2 usage, 3 denied by policy, 4 integrity,
5 privacy budget exhausted, 6 key unavailable, 7 this machine cannot honour an obligation,
75 try again.)";

int Main(int argc, char** argv) {
  CLI::App app{
      "Train models on production data that stays sealed.\n\n" + std::string(kProgramExamples),
      "sealtrain"};
  app.set_version_flag("--version", SEALTRAIN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  Context context;
  context.AddGlobalOptions(app);
  AddAccessCommands(app, context);
  AddCustodyCommands(app, context);
  AddDatasetCommands(app, context);
  AddPolicyCommands(app, context);
  AddSealedEntryCommands(app, context);
  AddTrainingCommands(app, context);

  BeginProgram();
  if (const std::optional<int> end = ParseCommandLine(app, argc, argv)) return *end;
  // Every command may come to hold keys or records; custody measures this.
  absl::Status status = LockDown();
  if (status.ok()) status = context.run ? context.run() : context.UsageError("no command");
  // Not kTryAgain: what was asked for is done.
  return EndProgram(app.get_name(), status, context.json(), context.exit_code, kCheckFailed);
}

}  // namespace
}  // namespace sealtrain::cli

int main(int argc, char** argv) { return sealtrain::cli::Main(argc, argv); }
