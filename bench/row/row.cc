// One row at a time, in process: our loaded model beside LightGBM's fast call and models compiled
// by treelite (tl2cgen) and lleaves, all over the same rows. Prints one JSON line per contender and
// run: microseconds per row.
//
// Usage: bench_row RUNS ROWS.f64 COLUMNS OURS_FOLDER LIGHTGBM.txt TREELITE.so LLEAVES.so
//   OURS_FOLDER  the folder of a registered version of the same LightGBM model
//   ROWS.f64     doubles, row-major, little-endian
// The first pass over the rows compares the margins: a difference above 1e-6 ends with status 1.
#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "models/loaded_model.h"

// LightGBM's wheel ships the library without a header.
extern "C" {
const char* LGBM_GetLastError();
int LGBM_BoosterCreateFromModelfile(const char* path, int* rounds, void** booster);
int LGBM_BoosterPredictForMatSingleRowFastInit(void* booster, int predict_type, int start,
                                               int rounds, int data_type, std::int32_t columns,
                                               const char* parameters, void** fast);
int LGBM_BoosterPredictForMatSingleRowFast(void* fast, const void* row, std::int64_t* length,
                                           double* out);
}

namespace aimass {
namespace {

constexpr int kDoubles = 1;    // C_API_DTYPE_FLOAT64
constexpr int kRawScores = 1;  // C_API_PREDICT_RAW_SCORE

struct Contender {
  std::string name;
  std::function<double(const double* row)> margin;
};

// The entry points that the compilers write.
union TreeliteEntry {
  int missing;
  double value;
};
using TreelitePredict = void (*)(TreeliteEntry* row, int margin, double* out);
using LleavesPredict = void (*)(double* rows, double* out, int start, int end);

void* Symbol(const char* path, const char* name) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : dlsym(library, name);
  if (symbol == nullptr) {
    std::fprintf(stderr, "%s: %s\n", path, dlerror());
    std::exit(1);
  }
  return symbol;
}

Contender Ours(const std::string& folder, std::size_t columns) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  auto loaded = LoadedModel::Load(folder, "", runtimes);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().ToString().c_str());
    std::exit(1);
  }
  // From the caller's numbers to cells, features and margin: all that a handler does after parsing.
  return {"aimass",
          [model = *loaded, cells = std::vector<Cell>(columns)](const double* row) mutable {
            for (std::size_t c = 0; c < cells.size(); ++c) cells[c] = Cell::Number(row[c]);
            double margin = 0;
            model->Predict(cells, {&margin, 1});
            return margin;
          }};
}

Contender LightgbmFast(const char* path, int columns) {
  void* booster = nullptr;
  int rounds = 0;
  void* fast = nullptr;
  if (LGBM_BoosterCreateFromModelfile(path, &rounds, &booster) != 0 ||
      LGBM_BoosterPredictForMatSingleRowFastInit(booster, kRawScores, 0, -1, kDoubles, columns,
                                                 "num_threads=1", &fast) != 0) {
    std::fprintf(stderr, "LightGBM: %s\n", LGBM_GetLastError());
    std::exit(1);
  }
  return {"lightgbm fast call", [fast](const double* row) {
            std::int64_t length = 0;
            double margin = 0;
            LGBM_BoosterPredictForMatSingleRowFast(fast, row, &length, &margin);
            return margin;
          }};
}

int Run(char** argv) {
  const int runs = std::atoi(argv[1]);
  const auto columns = static_cast<std::size_t>(std::atoi(argv[3]));
  const auto bytes = ReadFile(argv[2]);
  if (!bytes) return std::fprintf(stderr, "%s\n", bytes.error().ToString().c_str()), 1;
  std::vector<double> rows(bytes->size() / sizeof(double));
  std::memcpy(rows.data(), bytes->data(), bytes->size());
  const std::size_t count = rows.size() / columns;

  std::vector<Contender> contenders;
  contenders.push_back(Ours(argv[4], columns));
  contenders.push_back(LightgbmFast(argv[5], static_cast<int>(columns)));
  const auto treelite = reinterpret_cast<TreelitePredict>(Symbol(argv[6], "predict"));
  contenders.push_back({"treelite", [treelite, row_of = std::vector<TreeliteEntry>(columns)](
                                        const double* row) mutable {
                          for (std::size_t c = 0; c < row_of.size(); ++c) row_of[c].value = row[c];
                          double margin = 0;
                          treelite(row_of.data(), 1, &margin);
                          return margin;
                        }});
  const auto lleaves = reinterpret_cast<LleavesPredict>(Symbol(argv[7], "forest_root"));
  contenders.push_back({"lleaves", [lleaves](const double* row) {
                          double margin = 0;
                          lleaves(const_cast<double*>(row), &margin, 0, 1);
                          return margin;
                        }});

  std::vector<double> expected(count);
  for (std::size_t i = 0; i < count; ++i) expected[i] = contenders[1].margin(&rows[i * columns]);
  for (const Contender& contender : contenders) {
    for (std::size_t i = 0; i < count; ++i) {
      const double got = contender.margin(&rows[i * columns]);
      if (std::fabs(got - expected[i]) > 1e-6 * std::max(1.0, std::fabs(expected[i]))) {
        std::fprintf(stderr, "%s gives %.9g for row %zu, LightGBM %.9g\n", contender.name.c_str(),
                     got, i, expected[i]);
        return 1;
      }
    }
  }
  for (int run = 0; run < runs; ++run) {
    for (const Contender& contender : contenders) {
      double sum = 0;
      const auto begin = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i < count; ++i) sum += contender.margin(&rows[i * columns]);
      const std::chrono::duration<double, std::micro> taken =
          std::chrono::steady_clock::now() - begin;
      std::printf("{\"name\":\"%s\",\"us\":%.4f,\"sum\":%.6g}\n", contender.name.c_str(),
                  taken.count() / static_cast<double>(count), sum);
    }
  }
  return 0;
}

}  // namespace
}  // namespace aimass

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(
        stderr,
        "usage: bench_row RUNS ROWS.f64 COLUMNS OURS_FOLDER LIGHTGBM.txt TREELITE.so LLEAVES.so\n");
    return 2;
  }
  return aimass::Run(argv);
}
