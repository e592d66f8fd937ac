#pragma once

namespace aimass::mongodb {

// Readies libmongoc for this process, once, and keeps its log off stderr. From any thread.
void StartLibrary();

}  // namespace aimass::mongodb
