#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/import/writer.h"
#include "datasets/read.h"

namespace aimass {

/// A run of rows of a source, and the dataset in which they take their place.
struct MergeRequest {
  Caller caller;
  ReadRequest limits;                        // threads, memory, spill folder, cancel
  TableWriter::Options writer;               // where the new files go
  Schema schema;                             // of both
  std::vector<std::string> key;              // no two rows of either have the same; none is NULL
  std::string touched;                       // the condition that all of `fresh` fulfil, over "s"
  std::vector<DatasetSnapshot> beside = {};  // what `touched` names besides
  std::vector<DataFile> stored;              // of the dataset
  std::vector<DataFile> fresh;               // what the source has for `touched`, all of it
};

struct Merged {
  std::vector<WrittenFile> files;     // new
  std::vector<std::string> replaced;  // paths of `stored` that give way to them
  std::int64_t changed = 0;           // rows of `fresh` that are new, or not as they were
  std::int64_t dropped = 0;  // rows of `stored` that changed, or that the source has no more
};

/// Makes the rows of `touched` in the dataset what `fresh` has: rows with a key that is there are
/// replaced wherever they lie, rows that the source no longer has go. What is as it was stays where
/// it is: only files that hold something to be replaced are written anew, and, where many small
/// ones have gathered, these along with them. Nothing changed: no files.
///
/// Errors   those of Read() and TableWriter.
/// Threads  any.
[[nodiscard]] Result<Merged> Merge(const MergeRequest& request);

/// A dataset of these files that jobs read under the name `name` before it is one.
[[nodiscard]] DatasetSnapshot SnapshotOf(const Caller& caller, std::string name,
                                         const Schema& schema, std::vector<DataFile> files);

}  // namespace aimass
