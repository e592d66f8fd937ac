#include "datasets/import/conveyor.h"

#include <algorithm>
#include <utility>

namespace aimass {
namespace {

// The size of a batch in memory, from a few of its rows where they have no fixed width.
std::int64_t SizeOf(const Batch& batch) {
  std::int64_t total = 0;
  const std::size_t rows = batch.num_rows();
  if (rows == 0) return 0;
  for (std::size_t c = 0; c < batch.schema().columns.size(); ++c) {
    const TypeKind kind = batch.schema().columns[c].type.kind;
    if (kind != TypeKind::kText && kind != TypeKind::kBinary) {
      total += static_cast<std::int64_t>(8 * rows);
      continue;
    }
    const ColumnView column = batch.column(c);
    const std::size_t step = std::max<std::size_t>(rows / 64, 1);
    std::size_t seen = 0;
    std::size_t bytes = 0;
    for (std::size_t row = 0; row < rows; row += step, ++seen) {
      if (!column.IsNull(row)) bytes += column.Bytes(row).size();
    }
    total += static_cast<std::int64_t>(bytes * rows / seen + 4 * rows);
  }
  return total;
}

}  // namespace

Conveyor::Conveyor(BatchReader& rows, Options options)
    : rows_(rows), options_(std::move(options)), schema_(rows.schema()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Conveyor::Stop() {
  {
    // First, so that a part that is cut short here is never taken for one that ended.
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  thread_.request_stop();
  made_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<Error> Conveyor::error() {
  const std::scoped_lock lock(mutex_);
  return error_;
}

std::shared_ptr<Conveyor::Part> Conveyor::Take() {
  std::unique_lock lock(mutex_);
  made_.wait(lock, [this] { return stopped_ || ended_ || !untaken_.empty(); });
  if (stopped_ || untaken_.empty()) return nullptr;
  auto part = std::move(untaken_.front());
  untaken_.pop_front();
  return part;
}

Result<std::optional<Batch>> Conveyor::Next(Part& part) {
  std::unique_lock lock(mutex_);
  made_.wait(lock, [&] { return stopped_ || part.ended_ || ended_ || !part.ready_.empty(); });
  if (stopped_) return Fail(ErrorCode::kCancelled, "the job was cancelled");
  if (part.ready_.empty()) {
    if (!part.ended_ && error_) return std::unexpected(*error_);
    return std::optional<Batch>();
  }
  Part::Ready next = std::move(part.ready_.front());
  part.ready_.pop_front();
  waiting_bytes_ -= next.bytes;
  lock.unlock();
  room_.notify_one();
  return std::optional<Batch>(std::move(next.batch));
}

void Conveyor::Finished() {
  {
    const std::scoped_lock lock(mutex_);
    --open_;
  }
  room_.notify_one();
}

void Conveyor::Run(const std::stop_token& stop) {
  Status read = Read(stop);
  const std::scoped_lock lock(mutex_);
  if (!read) error_ = std::move(read).error();
  ended_ = true;
  made_.notify_all();
}

// Cuts the rows into parts. A part begins with its first batch, so that none is begun in vain.
Status Conveyor::Read(const std::stop_token& stop) {
  std::shared_ptr<Part> part;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t all_rows = 0;
  const auto end = [&]() -> Status {
    Json mark;
    if (options_.mark) {
      ASSIGN_OR_RETURN(mark, options_.mark());
    }
    const std::scoped_lock lock(mutex_);
    part->mark_ = std::move(mark);
    part->ended_ = true;
    part.reset();
    made_.notify_all();
    return {};
  };
  while (!stop.stop_requested()) {
    RETURN_IF_ERROR(options_.cancel.Check());
    ASSIGN_OR_RETURN(auto batch, rows_.Next());
    if (!batch) {
      if (!part && begun_ == 0 && options_.empty_part) part = Begin(stop);
      return part ? end() : Status{};
    }
    if (batch->num_rows() == 0) continue;
    if (!part) {
      part = Begin(stop);
      if (!part) break;
      rows = 0;
      bytes = 0;
    }
    const std::int64_t size = SizeOf(*batch);
    const auto count = static_cast<std::int64_t>(batch->num_rows());
    rows += count;
    bytes += size;
    all_rows += count;
    if (!Fill(*part, std::move(*batch), size, stop)) break;
    if (options_.progress) options_.progress(all_rows);
    if (rows >= options_.max_rows || bytes >= options_.max_bytes) RETURN_IF_ERROR(end());
  }
  return {};
}

std::shared_ptr<Conveyor::Part> Conveyor::Begin(const std::stop_token& stop) {
  auto part = std::make_shared<Part>();
  std::unique_lock lock(mutex_);
  if (!room_.wait(lock, stop, [this] { return open_ < options_.max_parts; })) return nullptr;
  part->index_ = begun_++;
  ++open_;
  untaken_.push_back(part);
  lock.unlock();
  made_.notify_all();
  return part;
}

bool Conveyor::Fill(Part& part, Batch batch, std::int64_t bytes, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!room_.wait(lock, stop, [this] { return waiting_bytes_ < kAheadBytes; })) return false;
  waiting_bytes_ += bytes;
  part.ready_.push_back({.batch = std::move(batch), .bytes = bytes});
  lock.unlock();
  made_.notify_all();
  return true;
}

}  // namespace aimass
