#include "main/cli/cli.h"

int main(int argc, char** argv) { return aimass::cli::RunCli(argc, argv); }
