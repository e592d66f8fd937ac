#include "main/cli/verb_state.h"

namespace aimass::cli {
namespace {

// Everything that the scripts need of one verb.
struct Node {
  std::string path;                                          // "datasets import"; empty at the top
  std::vector<std::pair<std::string, std::string>> verbs;    // name, summary
  std::vector<std::pair<std::string, std::string>> options;  // "--format", help
  std::map<std::string, std::vector<std::string>> choices;
};

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string Names(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string text;
  for (const auto& [name, help] : entries) text += (text.empty() ? "" : " ") + name;
  return text;
}

// A word for a single-quoted list of `_describe`: "name:help".
std::string Described(const std::pair<std::string, std::string>& entry) {
  std::string text = "'" + entry.first + ":";
  for (const char c : entry.second) {
    if (c == '\'') {
      text += "'\\''";
    } else if (c == ':') {
      text += "\\:";
    } else {
      text += c == '\n' ? ' ' : c;
    }
  }
  return text + "'";
}

// `path` grows by each word that is a verb below it, so options and values in between do not
// matter.
std::string Walk(const std::vector<Node>& nodes, std::string_view variable) {
  std::string patterns;
  for (const Node& node : nodes) {
    if (node.path.empty()) continue;
    const std::size_t space = node.path.rfind(' ');
    const std::string parent = space == std::string::npos ? "" : node.path.substr(0, space);
    const std::string word = space == std::string::npos ? node.path : node.path.substr(space + 1);
    patterns += (patterns.empty() ? "\"" : "|\"") + parent + "/" + word + "\"";
  }
  const std::string name(variable);
  return "    case \"$" + name + "/$word\" in\n      " + patterns + ") " + name + "=\"${" + name +
         ":+$" + name + " }$word\" ;;\n    esac\n";
}

std::string Bash(const std::vector<Node>& nodes) {
  std::string text = R"(# bash completion of aimass: source <(aimass completion bash)
_aimass() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local at="" i word verbs="" options="" values=""
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
)" + Walk(nodes, "at") +
                     "  done\n  case \"$at\" in\n";
  for (const Node& node : nodes) {
    text += "    \"" + node.path + "\")\n      verbs=\"" + Names(node.verbs) +
            "\"\n      options=\"" + Names(node.options) + "\"\n";
    if (!node.choices.empty()) {
      text += "      case \"$prev\" in\n";
      for (const auto& [option, values] : node.choices) {
        text += "        " + option + ") values=\"" + Joined(values) + "\" ;;\n";
      }
      text += "      esac\n";
    }
    text += "      ;;\n";
  }
  return text + R"(  esac
  if [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
  else
    COMPREPLY=()
  fi
}
complete -o default -o bashdefault -F _aimass aimass
)";
}

std::string Zsh(const std::vector<Node>& nodes) {
  std::string text = R"(#compdef aimass
# zsh completion of aimass: source <(aimass completion zsh)
_aimass() {
  local at="" word prev="${words[CURRENT-1]}"
  local -a verbs options values
  for word in "${(@)words[2,CURRENT-1]}"; do
)" + Walk(nodes, "at") +
                     "  done\n  case \"$at\" in\n";
  for (const Node& node : nodes) {
    text += "    \"" + node.path + "\")\n      verbs=(";
    for (const auto& verb : node.verbs) text += "\n        " + Described(verb);
    text += ")\n      options=(";
    for (const auto& option : node.options) text += "\n        " + Described(option);
    text += ")\n";
    if (!node.choices.empty()) {
      text += "      case \"$prev\" in\n";
      for (const auto& [option, values] : node.choices) {
        text += "        " + option + ") values=(" + Joined(values) + ") ;;\n";
      }
      text += "      esac\n";
    }
    text += "      ;;\n";
  }
  return text + R"(  esac
  if (( $#values )); then
    compadd -a values
  elif [[ "${words[CURRENT]}" == -* ]]; then
    _describe -o option options
  elif (( $#verbs )); then
    _describe verb verbs
  else
    _files
  fi
}
if [[ "${funcstack[1]}" == _aimass ]]; then
  _aimass "$@"
else
  compdef _aimass aimass
fi
)";
}

}  // namespace

std::string CommandLine::Completion(std::string_view shell) const {
  std::vector<Node> nodes;
  const auto visit = [&](const auto& self, const CLI::App& app, const std::string& path) -> void {
    Node node{.path = path};
    const auto children = Children(app);
    for (const CLI::App* child : children) {
      if (!Info(child).hidden) node.verbs.emplace_back(child->get_name(), child->get_description());
    }
    for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options()) {
        for (const std::string& name : NamesOf(*option)) {
          node.options.emplace_back(name, option->get_description());
        }
      }
      for (const auto& [option, values] : Info(level).choices) node.choices[option] = values;
    }
    node.options.emplace_back("--help", Render(Msg("help, also for one verb"), language_));
    nodes.push_back(node);
    for (const CLI::App* child : children) {
      if (Info(child).hidden) continue;
      self(self, *child, path.empty() ? child->get_name() : path + " " + child->get_name());
    }
  };
  visit(visit, state_->app, "");
  return shell == "zsh" ? Zsh(nodes) : Bash(nodes);
}

}  // namespace aimass::cli
