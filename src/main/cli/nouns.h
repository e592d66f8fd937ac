#pragma once

#include "main/cli/context.h"
#include "main/cli/verb.h"

namespace aimass::cli {

// One function per noun, one file per function; cli.cc calls them in this order.
void AddSourcesCommands(Verb& root);
void AddDatasetsCommands(Verb& root);
void AddSqlCommand(Verb& root);
void AddTrainCommand(Verb& root);
void AddModelsCommands(Verb& root);
void AddPredictCommand(Verb& root);
void AddEndpointsCommands(Verb& root);
void AddJobsCommands(Verb& root);
void AddApplyCommands(Verb& root);  // apply, export, solutions
void AddKeysCommands(Verb& root);
void AddWorkspacesCommands(Verb& root);
void AddServerCommands(Verb& root);  // serve, config, doctor, backup, restore, version
void AddCompletionCommand(Verb& root, const CommandLine& line);

}  // namespace aimass::cli
