#include <unistd.h>

#include <algorithm>

#include "main/cli/terminal.h"
#include "main/cli/verb_state.h"

namespace aimass::cli {
namespace {

struct Row {
  std::string left;
  std::string right;
};

// Two columns, the right one wrapped.
void AddRows(std::string& text, const std::vector<Row>& rows, int width) {
  int left = 0;
  for (const Row& row : rows) left = std::max(left, std::min(Width(row.left), 30));
  for (const Row& row : rows) {
    const auto lines = Wrap(row.right, std::max(24, width - left - 4));
    if (Width(row.left) > left) {
      text +=
          "  " + row.left + "\n" + std::string(static_cast<std::size_t>(left) + 4, ' ') + lines[0];
    } else {
      text += "  " + PadRight(row.left, left) + "  " + lines[0];
    }
    text += "\n";
    for (std::size_t i = 1; i < lines.size(); ++i) {
      text += std::string(static_cast<std::size_t>(left) + 4, ' ') + lines[i] + "\n";
    }
  }
}

std::string OptionNames(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : NamesOf(option)) names += (names.empty() ? "" : ", ") + name;
  if (!option.get_type_name().empty()) names += " " + option.get_type_name();
  return names;
}

}  // namespace

std::string CommandLine::Help(const CLI::App& app) const {
  const auto say = [this](const Message& message) { return Render(message, language_); };
  const auto heading = [](const std::string& text) {
    return "\n" + Paint(Colour::kBold, text, STDOUT_FILENO) + "\n";
  };
  const int width = std::min(TerminalWidth(STDOUT_FILENO).value_or(100), 110);
  const VerbInfo& info = Info(&app);
  const auto children = Children(app);
  const bool root = app.get_parent() == nullptr;

  std::string text;
  for (const std::string& line : Wrap(app.get_description(), width)) text += line + "\n";
  std::string usage = FullName(app);
  std::vector<Row> positionals;
  std::vector<Row> options;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      const bool must = std::ranges::find(info.musts, option->get_name()) != info.musts.end();
      const bool many = option->get_items_expected_max() > 1;
      std::string name = option->get_name() + (many ? "…" : "");
      usage += must ? " " + name : " [" + name + "]";
      positionals.push_back({option->get_name(), option->get_description()});
    } else if (!root) {
      if (std::ranges::find(info.musts, option->get_name()) != info.musts.end()) {
        usage += " " + NamesOf(*option).back() + " " + option->get_type_name();
      }
      options.push_back({OptionNames(*option), option->get_description()});
    }
  }
  if (!children.empty()) {
    usage += " " + say(Msg("VERB")) + " …";
  } else if (!options.empty()) {
    usage += " [" + say(Msg("options")) + "]";
  }
  text += "\n" + say(Msg("Usage: {}", usage)) + "\n";
  if (!info.details.empty()) {
    text += "\n";
    for (const std::string& line : Wrap(info.details, width)) text += line + "\n";
  }
  if (!positionals.empty()) {
    text += "\n";
    AddRows(text, positionals, width);
  }
  std::vector<std::string> groups;
  for (const CLI::App* child : children) {
    const VerbInfo& child_info = Info(child);
    if (!child_info.hidden && std::ranges::find(groups, child_info.group) == groups.end()) {
      groups.push_back(child_info.group);
    }
  }
  for (const std::string& group : groups) {
    text += heading(group.empty() ? say(Msg("Verbs:")) : group);
    std::vector<Row> rows;
    for (const CLI::App* child : children) {
      if (Info(child).hidden || Info(child).group != group) continue;
      rows.push_back({child->get_name(), child->get_description()});
    }
    AddRows(text, rows, width);
  }
  if (!options.empty()) {
    text += heading(say(Msg("Options:")));
    AddRows(text, options, width);
  }
  if (!info.examples.empty()) {
    text += heading(say(Msg("Examples:")));
    for (const auto& example : info.examples) {
      text += "  " + Paint(Colour::kDim, "# " + example.what, STDOUT_FILENO) + "\n  " +
              example.command + "\n";
    }
  }
  if (root) {
    text += heading(say(Msg("With every verb:")));
    std::vector<Row> rows;
    for (const CLI::Option* option : app.get_options()) {
      rows.push_back({OptionNames(*option), option->get_description()});
    }
    rows.push_back({"-h, --help", say(Msg("help, also for one verb"))});
    AddRows(text, rows, width);
  } else {
    text += "\n" +
            say(Msg("With every verb: --json --server URL --key KEY --data DIR --lang zh|en "
                    "(explained by: aimass --help)")) +
            "\n";
  }
  return text;
}

}  // namespace aimass::cli
