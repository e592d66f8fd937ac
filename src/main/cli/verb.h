#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace aimass::cli {

class Context;
using Action = std::function<Status(Context&)>;

/// What help and completion know about one verb beyond what CLI11 keeps.
struct VerbInfo {
  struct Example {
    std::string command;
    std::string what;
  };
  std::vector<Example> examples;
  std::map<std::string, std::vector<std::string>> choices;  // option "--format" → its values
  std::vector<std::string>
      musts;  // options and positionals that must be given, as CLI11 names them
  std::vector<std::string> flags;  // "--json": takes no value
  std::string details;
  std::string group;  // heading in the parent's list
  Action run;
  bool hidden = false;
  bool local = false;
};

class CommandLine;

/// One noun or verb of the command line; a light handle over a CLI::App, so that the files of the
/// nouns do not compile CLI11. Texts are given once, in English, and stand in zh.json.
///
///     auto given = std::make_shared<ShowOptions>();
///     noun.Add("show", Msg("One dataset with its columns"))
///         .Required("NAME", given->name, Msg("name of the dataset"))
///         .Option("--version", "N", given->version, Msg("an older version"))
///         .Example("aimass datasets show sales --version 3", Msg("as it was before the last two
///         imports")) .Run([given](Context& context) { return Show(context, *given); });
///
/// What an option writes into must live as long as the command line: hold it in a shared_ptr that
/// Run's lambda captures.
class Verb {
 public:
  [[nodiscard]] Verb Add(std::string_view name, const Message& summary);

  Verb& Required(std::string_view name, std::string& into, const Message& help);
  Verb& Optional(std::string_view name, std::string& into, const Message& help);
  Verb& Many(std::string_view name, std::vector<std::string>& into, const Message& help);

  /// `names`: "--limit" or "-f,--file"; `value`: what help calls its value, "N".
  Verb& Option(std::string_view names, std::string_view value, std::string& into,
               const Message& help);
  Verb& Option(std::string_view names, std::string_view value, std::optional<std::string>& into,
               const Message& help);
  Verb& Option(std::string_view names, std::string_view value, std::optional<std::int64_t>& into,
               const Message& help);
  /// May be given several times.
  Verb& Option(std::string_view names, std::string_view value, std::vector<std::string>& into,
               const Message& help);
  Verb& Flag(std::string_view names, bool& into, const Message& help);

  /// The only values that the option added last accepts.
  Verb& Choices(std::vector<std::string> values);
  /// The option added last must be given.
  Verb& Must();

  Verb& Summary(const Message& text);  // of the root; every other verb is added with its own
  Verb& Details(const Message& text);
  Verb& Example(std::string_view command, const Message& what);
  Verb& Group(const Message& heading);
  Verb& Hidden();
  /// It works on this machine's files and never asks a server: --server and --key are refused.
  Verb& Local();
  Verb& Run(Action action);

  /// For texts that are declared as Label: `Message("{}", label.In(verb.language()))`.
  [[nodiscard]] Language language() const;

 private:
  friend class CommandLine;
  Verb(CommandLine* line, CLI::App* app) : line_(line), app_(app) {}
  Verb& Remember(CLI::Option* option, std::string_view value);

  CommandLine* line_;
  CLI::App* app_;
  CLI::Option* last_ = nullptr;
};

/// The tree of verbs over CLI11: parsing, help, errors that name the nearest word, completion.
///
/// Threads  one.
class CommandLine {
 public:
  explicit CommandLine(Language language);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  [[nodiscard]] Verb Root();

  /// What the arguments ask for.
  struct Parsed {
    Action run;        // set where a verb shall run
    std::string help;  // set where help was asked for, or a noun stands without its verb
    std::optional<Error> incomplete;  // that noun without its verb: wrong usage
  };
  /// `arguments` without the program's name. Errors: kInvalidArgument: wrong usage (exit code 2).
  [[nodiscard]] Result<Parsed> Parse(const std::vector<std::string>& arguments);

  /// The script that completes `aimass …` in "bash" or "zsh".
  [[nodiscard]] std::string Completion(std::string_view shell) const;

  [[nodiscard]] Language language() const { return language_; }

 private:
  friend class Verb;
  struct State;

  struct Walk;

  [[nodiscard]] std::string Help(const CLI::App& app) const;
  /// Reads the words as a person would, before CLI11: an unknown verb or option gets its nearest
  /// neighbour.
  [[nodiscard]] Result<Walk> WalkWords(const std::vector<std::string>& arguments) const;
  [[nodiscard]] Status CheckGiven(const CLI::App& app) const;
  VerbInfo& Info(const CLI::App* app);
  [[nodiscard]] const VerbInfo& Info(const CLI::App* app) const;

  Language language_;
  std::unique_ptr<State> state_;
};

}  // namespace aimass::cli
