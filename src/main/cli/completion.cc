// aimass completion: the script that completes the command line, drawn from the tree of verbs.
#include <cstdio>

#include "main/cli/nouns.h"

namespace aimass::cli {

void AddCompletionCommand(Verb& root, const CommandLine& line) {
  auto shell = std::make_shared<std::string>();
  root.Add("completion", Msg("Let bash or zsh complete verbs and options"))
      .Group(Msg("Look after it:"))
      .Required("SHELL", *shell, Msg("bash or zsh"))
      .Choices({"bash", "zsh"})
      .Example("source <(aimass completion bash)",
               Msg("in this shell; put the line into ~/.bashrc to keep it"))
      .Run([shell, &line](Context& context) -> Status {
        const std::string script = line.Completion(*shell);
        if (context.json()) {
          context.Print(Json{{"shell", *shell}, {"script", script}});
        } else {
          std::fputs(script.c_str(), stdout);
        }
        return {};
      });
}

}  // namespace aimass::cli
