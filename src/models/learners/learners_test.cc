// The contract of learner.h over every learner of this build.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "models/learner.h"
#include "models/learners/boosting.h"
#include "models/learners/lbfgs.h"
#include "models/random.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

const LearnerRegistry& Learners() {
  static const LearnerRegistry registry = [] {
    LearnerRegistry all("learner");
    RegisterAllLearners(all);
    return all;
  }();
  return registry;
}

// Two numbers (one with gaps) and a category decide the target.
Matrix MakeMatrix(TaskKind task, std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  Matrix matrix;
  matrix.features = {{"number", "number", 0}, {"gaps", "gaps", 0}, {"类 别", "类 别", 4}};
  for (std::size_t i = 0; i < rows; ++i) {
    const double number = random.Uniform(-2, 2), gaps = random.Uniform(-2, 2);
    const std::size_t category = random.Below(4);
    const bool missing = random.Unit() < 0.2;
    const double score =
        number + (missing ? 1.0 : 0.7 * gaps) + (category == 2 ? 2.0 : 0.0) + 0.5 * random.Normal();
    matrix.values.push_back(static_cast<float>(number));
    matrix.values.push_back(missing ? std::nanf("") : static_cast<float>(gaps));
    matrix.values.push_back(random.Unit() < 0.05 ? std::nanf("") : static_cast<float>(category));
    matrix.target.push_back(task == TaskKind::kRegression ? static_cast<float>(100 + 5 * score)
                            : task == TaskKind::kBinary   ? (score > 0.5 ? 1.0F : 0.0F)
                                                          : (score > 1.5 ? 2.0F
                                                             : score > 0 ? 1.0F
                                                                         : 0.0F));
  }
  return matrix;
}

struct Rows {
  std::vector<std::uint32_t> train, validation;
};
Rows SplitOf(std::size_t rows) {
  Rows out;
  for (std::uint32_t i = 0; i < rows; ++i) (i % 4 == 0 ? out.validation : out.train).push_back(i);
  return out;
}

LearnerContext ContextOf(TaskKind task) {
  LearnerContext context{.task = task};
  context.classes = task == TaskKind::kMulticlass ? 3 : task == TaskKind::kBinary ? 2 : 0;
  return context;
}

Settings Default(const LearnerType& learner, TaskKind task) {
  return learner.sample(0, 1, 900, 3, task);
}

class EveryLearner : public ::testing::TestWithParam<std::tuple<std::string, TaskKind>> {
 protected:
  const LearnerType& learner() const {
    return Learners().types().find(std::get<0>(GetParam()))->second;
  }
  TaskKind task() const { return std::get<1>(GetParam()); }
};

TEST_P(EveryLearner, LearnsAndItsRuntimeAgrees) {
  const Matrix matrix = MakeMatrix(task(), 1200, 1);
  const Rows rows = SplitOf(1200);
  const LearnerContext context = ContextOf(task());
  const auto fitted =
      learner().fit({&matrix, rows.train, rows.validation}, Default(learner(), task()), context);
  ASSERT_TRUE(fitted) << fitted.error().ToString();
  const std::size_t outputs = task() == TaskKind::kMulticlass ? 3 : 1;
  ASSERT_EQ(fitted->validation_margins.size(), rows.validation.size() * outputs);
  EXPECT_GE(fitted->rounds, 1);
  EXPECT_FALSE(fitted->out_of_time);
  double right = 0.0, error = 0.0, spread = 0.0;
  for (std::size_t i = 0; i < rows.validation.size(); ++i) {
    const float truth = matrix.target[rows.validation[i]];
    const float* margin = fitted->validation_margins.data() + i * outputs;
    if (task() == TaskKind::kBinary) right += (margin[0] > 0.0F) == (truth > 0.5F) ? 1 : 0;
    if (task() == TaskKind::kMulticlass)
      right += std::max_element(margin, margin + 3) - margin == static_cast<int>(truth) ? 1 : 0;
    error += (margin[0] - truth) * (margin[0] - truth);
    spread += (truth - 102.0) * (truth - 102.0);
  }
  if (task() == TaskKind::kRegression) {
    EXPECT_LT(error, 0.3 * spread);
  } else {
    EXPECT_GT(right / static_cast<double>(rows.validation.size()),
              task() == TaskKind::kBinary ? 0.82 : 0.7);
  }

  // The artefact, loaded by the runtime that the learner names, gives the same margins.
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  const std::string path =
      ::testing::TempDir() + "learner-" + std::get<0>(GetParam()) + "." + fitted->file_ending;
  ASSERT_TRUE(WriteFileAtomic(path, fitted->artefact));
  const auto predictor = runtimes.Find(fitted->runtime).value()->load(path);
  ASSERT_TRUE(predictor) << predictor.error().ToString();
  ASSERT_EQ((*predictor)->num_features(), 3U);
  std::vector<float> out(outputs);
  for (std::size_t i = 0; i < rows.validation.size(); ++i) {
    (*predictor)->Predict(std::span(matrix.values).subspan(rows.validation[i] * 3, 3), out);
    for (std::size_t o = 0; o < outputs; ++o) {
      const double expected = fitted->validation_margins[i * outputs + o];
      ASSERT_NEAR(out[o], expected, 1e-6 * std::max(1.0, std::fabs(expected))) << i;
    }
  }
}

TEST_P(EveryLearner, SameInputSameBytes) {
  const Matrix matrix = MakeMatrix(task(), 900, 2);
  const Rows rows = SplitOf(900);
  const Settings settings = learner().sample(3, 7, 900, 3, task());
  EXPECT_EQ(settings, learner().sample(3, 7, 900, 3, task()));
  EXPECT_NE(settings, learner().sample(4, 7, 900, 3, task()));
  const auto first =
      learner().fit({&matrix, rows.train, rows.validation}, settings, ContextOf(task()));
  ASSERT_TRUE(first) << first.error().ToString();
  const auto second =
      learner().fit({&matrix, rows.train, rows.validation}, settings, ContextOf(task()));
  ASSERT_TRUE(second);
  EXPECT_EQ(first->artefact, second->artefact);
  EXPECT_EQ(first->validation_margins, second->validation_margins);
  EXPECT_EQ(first->rounds, second->rounds);

  // As many rounds as early stopping chose, without it: the same margins.
  LearnerContext fixed = ContextOf(task());
  fixed.fixed_rounds = first->rounds;
  const auto replayed = learner().fit({&matrix, rows.train, rows.validation}, settings, fixed);
  ASSERT_TRUE(replayed) << replayed.error().ToString();
  EXPECT_EQ(replayed->rounds, first->rounds);
  for (std::size_t i = 0; i < first->validation_margins.size(); ++i) {
    ASSERT_NEAR(replayed->validation_margins[i], first->validation_margins[i], 1e-5);
  }
}

TEST_P(EveryLearner, SamplesStayWithinTheFields) {
  for (int trial = 0; trial < 60; ++trial) {
    const Settings settings =
        learner().sample(trial, 11, trial % 2 == 0 ? 100 : 100000, 20, task());
    const auto checked = CheckSettings("learner", learner().fields, settings);
    EXPECT_TRUE(checked) << checked.error().ToString();
  }
}

TEST_P(EveryLearner, KeepsDeadlineAndCancel) {
  const Matrix matrix = MakeMatrix(task(), 20000, 3);
  const Rows rows = SplitOf(20000);
  LearnerContext context = ContextOf(task());
  context.deadline_ms = SteadyMs() + 300;
  std::int64_t start = SteadyMs();
  const auto in_time =
      learner().fit({&matrix, rows.train, rows.validation}, Default(learner(), task()), context);
  EXPECT_LT(SteadyMs() - start, 3000);
  if (in_time) {
    EXPECT_FALSE(in_time->artefact.empty());
  } else {
    EXPECT_EQ(in_time.error().code, ErrorCode::kTimeout);
  }
  context.deadline_ms = 0;
  context.cancel.Cancel();
  start = SteadyMs();
  const auto cancelled =
      learner().fit({&matrix, rows.train, rows.validation}, Default(learner(), task()), context);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  EXPECT_LT(SteadyMs() - start, 1000);
}

TEST_P(EveryLearner, RefusesWhatItCannotFit) {
  const Matrix matrix = MakeMatrix(task(), 100, 4);
  const Rows rows = SplitOf(100);
  const auto nothing = learner().fit({&matrix, {}, rows.validation}, {}, ContextOf(task()));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kInvalidArgument);
  const auto endless = learner().fit({&matrix, rows.train, {}}, {}, ContextOf(task()));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::kInvalidArgument);
  const auto unknown =
      learner().fit({&matrix, rows.train, rows.validation}, {{"magic", "1"}}, ContextOf(task()));
  ASSERT_FALSE(unknown);
}

INSTANTIATE_TEST_SUITE_P(, EveryLearner,
                         ::testing::Combine(::testing::ValuesIn([] {
                                              std::vector<std::string> names;
                                              for (const auto& [name, type] : Learners().types())
                                                names.push_back(name);
                                              return names;
                                            }()),
                                            ::testing::Values(TaskKind::kBinary,
                                                              TaskKind::kMulticlass,
                                                              TaskKind::kRegression)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  std::string(TaskName(std::get<1>(info.param)));
                         });

TEST(LearnersTest, ClassesWithoutAnErrorNeedFewRounds) {
  Matrix matrix{.features = {{"x", "x", 0}}};
  std::vector<std::uint32_t> train, validation;
  for (std::uint32_t i = 0; i < 600; ++i) {
    matrix.values.push_back(static_cast<float>(i % 97));
    matrix.target.push_back(i % 97 < 40 ? 0.0F : 1.0F);
    (i % 3 == 0 ? validation : train).push_back(i);
  }
  for (const char* name : {"lightgbm", "xgboost"}) {
    const LearnerType& type = Learners().types().find(name)->second;
    const auto fitted =
        type.fit({&matrix, train, validation}, type.sample(0, 1, 600, 1, TaskKind::kBinary),
                 {.task = TaskKind::kBinary, .classes = 2, .threads = 1});
    ASSERT_TRUE(fitted) << fitted.error().ToString();
    EXPECT_LT(fitted->rounds_run, 1000) << name;
    for (std::size_t i = 0; i < validation.size(); ++i) {
      const bool positive = matrix.target[validation[i]] > 0.5F;
      EXPECT_GT(fitted->validation_margins[i] * (positive ? 1.0F : -1.0F), 4.0F) << name;
    }
  }
}

// Rows that follow each other are not copied before the library takes them, others are.
TEST(LearnersTest, WhereRowsLieDoesNotMatter) {
  const Matrix together = MakeMatrix(TaskKind::kBinary, 600, 3);
  const std::size_t width = together.features.size();
  Matrix apart{.features = together.features};
  std::vector<std::uint32_t> following, scattered;
  for (std::uint32_t i = 0; i < 600; ++i) {
    following.push_back(i);
    scattered.push_back(2 * i);
    for (int copy = 0; copy < 2; ++copy) {
      for (std::size_t f = 0; f < width; ++f)
        apart.values.push_back(copy == 0 ? together.values[i * width + f] : -7.0F);
      apart.target.push_back(copy == 0 ? together.target[i] : 1.0F);
    }
  }
  const learners::Rows view(together, following), copy(apart, scattered);
  EXPECT_EQ(view.values().data(), together.values.data());
  EXPECT_TRUE(std::ranges::equal(view.target(), copy.target()));
  for (const auto& [name, type] : Learners().types()) {
    LearnerContext context = ContextOf(TaskKind::kBinary);
    context.fixed_rounds = 7;
    const auto settings = Default(type, TaskKind::kBinary);
    const auto first = type.fit({&together, following, {}}, settings, context);
    const auto second = type.fit({&apart, scattered, {}}, settings, context);
    ASSERT_TRUE(first) << first.error().ToString();
    ASSERT_TRUE(second) << second.error().ToString();
    EXPECT_EQ(first->artefact, second->artefact) << name;
  }
}

TEST(LearnersTest, HaveLabelsInBothLanguages) {
  ASSERT_GE(Learners().types().size(), 3U);
  for (const auto& [name, type] : Learners().types()) {
    EXPECT_FALSE(type.label.zh.empty()) << name;
    for (const Field& field : type.fields)
      EXPECT_FALSE(field.label.zh.empty()) << name << " " << field.name;
  }
}

TEST(LbfgsTest, FindsTheMinimumOfABentValley) {
  // Rosenbrock's function has its minimum 0 at (1, 1).
  std::vector<double> point{-1.2, 1.0};
  const auto loss = [](std::span<const double> x, std::span<double> gradient) {
    const double a = 1.0 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2.0 * a - 400.0 * x[0] * b;
    gradient[1] = 200.0 * b;
    return a * a + 100.0 * b * b;
  };
  const int iterations =
      learners::Lbfgs(loss, [] { return false; }, {.loss_tolerance = 1e-16}, point);
  EXPECT_NEAR(point[0], 1.0, 1e-4);
  EXPECT_NEAR(point[1], 1.0, 1e-4);
  EXPECT_LT(iterations, 100);
}

}  // namespace
}  // namespace aimass
