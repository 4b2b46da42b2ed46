#include "sealtrain/cli/manual.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace sealtrain::cli {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option.get_lnames()) names.push_back(absl::StrCat("--", name));
  return names;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Text as roff shows it letter by letter.
std::string Roff(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
}

// Paragraphs of a description; lines that begin with a space are shown as they are.
std::string RoffParagraphs(absl::string_view text) {
  std::string roff;
  bool example = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool indented = absl::StartsWith(line, " ");
    if (indented != example) absl::StrAppend(&roff, indented ? ".EX\n" : ".EE\n");
    example = indented;
    if (line.empty()) {
      absl::StrAppend(&roff, ".PP\n");
    } else {
      // A dot or a quote at the start of a line would be a request.
      absl::StrAppend(&roff,
                      absl::StartsWith(line, ".") || absl::StartsWith(line, "'") ? "\\&" : "",
                      Roff(line), "\n");
    }
  }
  if (example) absl::StrAppend(&roff, ".EE\n");
  return roff;
}

std::string RoffOptions(const CLI::App& app) {
  std::string roff;
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> names = NamesOf(*option);
    std::string heading = names.empty()
                              ? absl::StrCat("\\fI", Roff(option->get_name()), "\\fR")
                              : absl::StrCat("\\fB", Roff(absl::StrJoin(names, ", ")), "\\fR");
    if (!names.empty() && TakesValue(*option)) absl::StrAppend(&heading, " \\fIVALUE\\fR");
    absl::StrAppend(&roff, ".TP\n", heading, "\n", Roff(option->get_description()), "\n");
  }
  return roff;
}

std::string ShellFunctionName(const CLI::App& app) {
  return absl::StrCat("_", absl::StrReplaceAll(app.get_name(), {{"-", "_"}}));
}

std::vector<std::string> OptionWords(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : NamesOf(*option)) words.push_back(name);
  }
  return words;
}

void AppendValueOptions(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    if (!TakesValue(*option)) continue;
    for (const std::string& name : NamesOf(*option)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
}

}  // namespace

std::string ManualPage(const CLI::App& app, const std::string& version) {
  const std::string& name = app.get_name();
  const std::string description = app.get_description();
  const std::string first_line = description.substr(0, description.find('\n'));
  std::string roff = absl::StrCat(
      ".TH ", absl::AsciiStrToUpper(name), " 1 \"\" \"Sealtrain ", version, "\"\n.SH NAME\n",
      Roff(name), " \\- ", Roff(first_line), "\n.SH SYNOPSIS\n\\fB", Roff(name),
      "\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n",
      RoffParagraphs(description), ".SH OPTIONS\nFor every command, before or after its name.\n",
      RoffOptions(app), ".SH COMMANDS\n");
  for (const CLI::App* command : Commands(app)) {
    absl::StrAppend(&roff, ".SS ", Roff(command->get_name()), "\n",
                    RoffParagraphs(command->get_description()), RoffOptions(*command));
  }
  return roff;
}

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::vector<std::string> value_options;
  AppendValueOptions(app, value_options);
  for (const CLI::App* command : Commands(app)) {
    commands.push_back(command->get_name());
    AppendValueOptions(*command, value_options);
  }
  const std::string global = absl::StrJoin(OptionWords(app), " ");
  const std::string with_value = absl::StrJoin(value_options, "|");
  std::string script =
      absl::StrCat("# bash completion for ", app.get_name(), "\n", ShellFunctionName(app),
                   "() {\n"
                   "  local current=${COMP_WORDS[COMP_CWORD]} command= before= word words\n"
                   "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                   "    case $before in\n"
                   "      ",
                   with_value,
                   ") ;;\n"
                   "      *)\n"
                   "        case $word in\n"
                   "          ",
                   absl::StrJoin(commands, "|"),
                   ") command=${command:-$word} ;;\n"
                   "        esac ;;\n"
                   "    esac\n"
                   "    before=$word\n"
                   "  done\n"
                   "  COMPREPLY=()\n"
                   "  # A value: bash offers the names of files.\n"
                   "  case $before in ",
                   with_value,
                   ") return ;; esac\n"
                   "  case $command in\n"
                   "    '') words='",
                   absl::StrJoin(commands, " "), " ", global, "' ;;\n");
  for (const CLI::App* command : Commands(app)) {
    absl::StrAppend(&script, "    ", command->get_name(), ") words='",
                    absl::StrJoin(OptionWords(*command), " "), " ", global, "' ;;\n");
  }
  return absl::StrCat(script,
                      "  esac\n"
                      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                      "}\ncomplete -o default -F ",
                      ShellFunctionName(app), " ", app.get_name(), "\n");
}

}  // namespace sealtrain::cli
