#include "main/cli/verb.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/words.h"
#include "main/cli/verb_state.h"

namespace aimass::cli {
namespace {

// Carries a check's own error out of CLI11's parser; the error itself is in State::refused.
class Refused : public CLI::ParseError {
 public:
  Refused() : CLI::ParseError("refused", 2) {}
};

bool Has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::vector<std::string_view> Views(const std::vector<std::string>& words) {
  return {words.begin(), words.end()};
}

std::unexpected<Error> SeeHelp(std::unexpected<Error> error, const CLI::App& app) {
  return WithHint(std::move(error), Msg("see: {} --help", FullName(app)));
}

// The option that `word` names, at `app` or above it.
CLI::Option* FindOption(CLI::App* app, const std::string& word) {
  for (; app != nullptr; app = app->get_parent()) {
    for (CLI::Option* option : app->get_options()) {
      if (Has(NamesOf(*option), word)) return option;
    }
  }
  return nullptr;
}

}  // namespace

std::string FullName(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  return parent == nullptr ? app.get_name() : FullName(*parent) + " " + app.get_name();
}

std::vector<CLI::App*> Children(const CLI::App& app) {
  std::vector<CLI::App*> children;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    children.push_back(const_cast<CLI::App*>(child));
  }
  return children;
}

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

Verb Verb::Add(std::string_view name, const Message& summary) {
  CLI::App* const child =
      app_->add_subcommand(std::string(name), Render(summary, line_->language()));
  child->set_help_flag();
  child->fallthrough();
  child->require_subcommand(0, 1);
  return {line_, child};
}

Verb& Verb::Remember(CLI::Option* option, std::string_view value) {
  option->type_name(std::string(value));
  last_ = option;
  return *this;
}

Verb& Verb::Required(std::string_view name, std::string& into, const Message& help) {
  Optional(name, into, help);
  return Must();
}

Verb& Verb::Optional(std::string_view name, std::string& into, const Message& help) {
  return Remember(app_->add_option(std::string(name), into, Render(help, line_->language())), name);
}

Verb& Verb::Many(std::string_view name, std::vector<std::string>& into, const Message& help) {
  return Remember(app_->add_option(std::string(name), into, Render(help, line_->language())), name);
}

Verb& Verb::Option(std::string_view names, std::string_view value, std::string& into,
                   const Message& help) {
  return Remember(app_->add_option(std::string(names), into, Render(help, line_->language())),
                  value);
}

Verb& Verb::Option(std::string_view names, std::string_view value, std::optional<std::string>& into,
                   const Message& help) {
  const auto store = [&into](const std::string& text) { into = text; };
  return Remember(app_->add_option_function<std::string>(std::string(names), store,
                                                         Render(help, line_->language())),
                  value);
}

Verb& Verb::Option(std::string_view names, std::string_view value,
                   std::optional<std::int64_t>& into, const Message& help) {
  const std::string shown(names.substr(names.find("--")));
  const auto store = [&into, line = line_, shown](const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      line->state_->refused =
          Fail(ErrorCode::kInvalidArgument, "{} expects a whole number, found '{}'", shown, text)
              .error();
      throw Refused();
    }
    into = number;
  };
  return Remember(app_->add_option_function<std::string>(std::string(names), store,
                                                         Render(help, line_->language())),
                  value);
}

Verb& Verb::Option(std::string_view names, std::string_view value, std::vector<std::string>& into,
                   const Message& help) {
  // By hand: CLI11 would take every following word into the list, and split what looks like
  // "[a,b]".
  const auto store = [&into](const std::vector<std::string>& words) {
    into.insert(into.end(), words.begin(), words.end());
  };
  CLI::Option* const option = app_->add_option_function<std::vector<std::string>>(
      std::string(names), store, Render(help, line_->language()));
  option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  option->allow_extra_args(false);
  return Remember(option, value);
}

Verb& Verb::Flag(std::string_view names, bool& into, const Message& help) {
  CLI::Option* const option =
      app_->add_flag(std::string(names), into, Render(help, line_->language()));
  for (const std::string& name : NamesOf(*option)) line_->Info(app_).flags.push_back(name);
  return Remember(option, "");
}

Verb& Verb::Choices(std::vector<std::string> values) {
  for (const std::string& name : NamesOf(*last_)) line_->Info(app_).choices[name] = values;
  const std::string shown = last_->get_name();
  last_->check([line = line_, shown, values](const std::string& text) -> std::string {
    if (Has(values, text)) return "";
    auto error = Fail(ErrorCode::kInvalidArgument, "{} must be one of {}; found '{}'", shown,
                      Listing(values), text);
    if (const std::string nearest = Nearest(text, Views(values)); !nearest.empty()) {
      error = WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
    }
    line->state_->refused = error.error();
    throw Refused();
  });
  return *this;
}

Verb& Verb::Must() {
  line_->Info(app_).musts.push_back(last_->get_name());
  return *this;
}

Verb& Verb::Summary(const Message& text) {
  app_->description(Render(text, line_->language()));
  return *this;
}

Verb& Verb::Details(const Message& text) {
  line_->Info(app_).details = Render(text, line_->language());
  return *this;
}

Verb& Verb::Example(std::string_view command, const Message& what) {
  line_->Info(app_).examples.push_back({std::string(command), Render(what, line_->language())});
  return *this;
}

Verb& Verb::Group(const Message& heading) {
  line_->Info(app_).group = Render(heading, line_->language());
  return *this;
}

Verb& Verb::Hidden() {
  line_->Info(app_).hidden = true;
  return *this;
}

Verb& Verb::Local() {
  line_->Info(app_).local = true;
  return *this;
}

Verb& Verb::Run(Action action) {
  line_->Info(app_).run = std::move(action);
  return *this;
}

Language Verb::language() const { return line_->language(); }

CommandLine::CommandLine(Language language)
    : language_(language), state_(std::make_unique<State>()) {
  state_->app.set_help_flag();
  state_->app.fallthrough();
  state_->app.require_subcommand(0, 1);
  // The last one wins, so that an alias of the shell can be overruled.
  state_->app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CommandLine::~CommandLine() = default;

Verb CommandLine::Root() { return {this, &state_->app}; }

VerbInfo& CommandLine::Info(const CLI::App* app) { return state_->info[app]; }

const VerbInfo& CommandLine::Info(const CLI::App* app) const {
  static const VerbInfo kNothing;
  const auto found = state_->info.find(app);
  return found == state_->info.end() ? kNothing : found->second;
}

Result<CommandLine::Walk> CommandLine::WalkWords(const std::vector<std::string>& arguments) const {
  Walk walk{.app = &state_->app};
  std::size_t first = 0;
  if (!arguments.empty() && arguments[0] == "help") {
    walk.help = true;
    first = 1;
  }
  for (std::size_t i = first; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") break;
    if (word == "-h" || word == "--help") {
      walk.help = true;
    } else if (word.size() > 1 && word.starts_with('-')) {
      const bool long_name = word.starts_with("--");
      const std::string name = long_name ? word.substr(0, word.find('=')) : word.substr(0, 2);
      const CLI::Option* const option = FindOption(walk.app, name);
      if (option == nullptr) {
        std::vector<std::string> known;
        for (const CLI::App* app = walk.app; app != nullptr; app = app->get_parent()) {
          for (const CLI::Option* each : app->get_options()) {
            for (std::string& each_name : NamesOf(*each)) known.push_back(std::move(each_name));
          }
        }
        auto error =
            Fail(ErrorCode::kInvalidArgument, "{} has no option '{}'", FullName(*walk.app), name);
        const std::string nearest = Nearest(name, Views(known));
        if (nearest.empty()) return SeeHelp(std::move(error), *walk.app);
        return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
      }
      bool takes_value = true;
      for (const CLI::App* app = walk.app; app != nullptr; app = app->get_parent()) {
        if (Has(Info(app).flags, name)) takes_value = false;
      }
      const bool value_inside = long_name ? word.contains('=') : word.size() > 2;
      if (takes_value && !value_inside) {
        if (i + 1 == arguments.size()) {
          return SeeHelp(Fail(ErrorCode::kInvalidArgument, "option '{}' needs a value", name),
                         *walk.app);
        }
        ++i;
      }
    } else if (const auto children = Children(*walk.app); !children.empty()) {
      CLI::App* next = nullptr;
      std::vector<std::string> known;
      for (CLI::App* child : children) {
        if (child->get_name() == word) next = child;
        if (!Info(child).hidden) known.push_back(child->get_name());
      }
      if (next == nullptr) {
        auto error = Fail(ErrorCode::kInvalidArgument, "'{}' is no verb of {}; there are: {}", word,
                          FullName(*walk.app), Listing(known));
        const std::string nearest = Nearest(word, Views(known));
        if (nearest.empty()) return SeeHelp(std::move(error), *walk.app);
        return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
      }
      walk.app = next;
    }
  }
  return walk;
}

Status CommandLine::CheckGiven(const CLI::App& app) const {
  for (const std::string& name : Info(&app).musts) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_name() != name || option->count() > 0) continue;
      return SeeHelp(Fail(ErrorCode::kInvalidArgument, "{} needs {}", FullName(app), name), app);
    }
  }
  return {};
}

Result<CommandLine::Parsed> CommandLine::Parse(const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(const Walk walk, WalkWords(arguments));
  if (walk.help) return Parsed{.help = Help(*walk.app)};
  const VerbInfo& info = Info(walk.app);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    state_->app.parse(reversed);
  } catch (const Refused&) {
    return std::unexpected(*state_->refused);
  } catch (const CLI::ExtrasError&) {
    const auto extras = state_->app.remaining(true);
    return SeeHelp(Fail(ErrorCode::kInvalidArgument, "{} does not expect '{}'", FullName(*walk.app),
                        extras.empty() ? "" : extras.front()),
                   *walk.app);
  } catch (const CLI::Error& error) {
    return SeeHelp(Fail(ErrorCode::kInvalidArgument, "{}: {}", FullName(*walk.app), error.what()),
                   *walk.app);
  }
  if (!info.run) {
    if (walk.app == &state_->app) return Parsed{.help = Help(*walk.app)};
    std::vector<std::string> known;
    for (const CLI::App* child : Children(*walk.app)) {
      if (!Info(child).hidden) known.push_back(child->get_name());
    }
    return Parsed{.help = Help(*walk.app),
                  .incomplete = Fail(ErrorCode::kInvalidArgument, "{} needs a verb: {}",
                                     FullName(*walk.app), Listing(known))
                                    .error()};
  }
  RETURN_IF_ERROR(CheckGiven(*walk.app));
  for (const char* name : {"--server", "--key"}) {
    const CLI::Option* const option = state_->app.get_option_no_throw(name);
    if (!info.local || option == nullptr || option->count() == 0) continue;
    return WithHint(
        Fail(ErrorCode::kInvalidArgument, "{} works on files of this machine and takes no {}",
             FullName(*walk.app), name),
        Msg("name a data folder with --data"));
  }
  return Parsed{.run = info.run};
}

}  // namespace aimass::cli
