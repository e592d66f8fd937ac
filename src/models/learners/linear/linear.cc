// A linear model with an L2 penalty: logistic, softmax or ridge, by L-BFGS. Numbers are clamped to
// the range that training saw and standardised; a missing one counts as the mean and has a weight
// of its own; each category has a weight. The artefact is docs/formats/linear.md.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "models/learners/boosting.h"
#include "models/learners/lbfgs.h"
#include "models/random.h"

namespace aimass::learners::linear {
namespace {

constexpr std::array kFields{
    Field{.name = "l2",
          .label = {"L2 penalty", "L2 正则"},
          .kind = FieldKind::kNumber,
          .default_value = "1",
          .min = 1e-6,
          .max = 1e6},
    Field{.name = "max_iterations",
          .label = {"Most iterations", "最多迭代次数"},
          .kind = FieldKind::kInteger,
          .default_value = "200",
          .min = 1,
          .max = 10000},
};

constexpr std::array kPortfolio{1.0, 30.0, 0.1, 300.0};

Settings Sample(int trial, std::uint64_t seed, std::size_t /*rows*/, std::size_t /*features*/,
                TaskKind task) {
  SettingsMaker settings(kFields);
  if (trial == 0) return settings.Take();
  if (trial < static_cast<int>(kPortfolio.size())) {
    settings.Set("l2", kPortfolio[static_cast<std::size_t>(trial)]);
    return settings.Take();
  }
  Random random(seed, 0x6c696eULL + static_cast<std::uint64_t>(trial) * 16 +
                          static_cast<std::uint64_t>(task));
  settings.Set("l2", random.LogUniform(0.01, 1000));
  return settings.Take();
}

// How one encoded feature enters the model. A number has slots {weight} or {weight, missing
// weight}; a category one slot per code and one for missing.
struct Term {
  int categories = 0;
  std::size_t first_slot = 0;
  std::size_t slots = 0;
  double low = 0.0, high = 0.0, mean = 0.0, deviation = 0.0;
  bool has_missing = false;

  [[nodiscard]] double Clamp(float value) const {
    return std::isnan(value) ? mean : std::clamp(static_cast<double>(value), low, high);
  }
  [[nodiscard]] std::size_t Slot(float value) const {
    const bool known = value >= 0.0F && value < static_cast<float>(categories);
    return first_slot +
           (known ? static_cast<std::size_t>(value) : static_cast<std::size_t>(categories));
  }
};

Term NumberTerm(const Matrix& matrix, std::span<const std::uint32_t> rows, std::size_t feature) {
  const std::size_t width = matrix.features.size();
  Term term;
  double sum = 0.0, squares = 0.0;
  std::size_t count = 0;
  term.low = std::numeric_limits<double>::infinity();
  term.high = -term.low;
  for (const std::uint32_t row : rows) {
    const float value = matrix.values[row * width + feature];
    if (std::isnan(value)) continue;
    ++count;
    sum += value;
    squares += static_cast<double>(value) * value;
    term.low = std::min(term.low, static_cast<double>(value));
    term.high = std::max(term.high, static_cast<double>(value));
  }
  term.has_missing = count < rows.size();
  if (count == 0) {
    term.low = term.high = 0.0;
    return term;
  }
  // A single outlier must not decide the scale: six deviations are kept.
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  const double deviation = std::sqrt(std::max(0.0, squares / n - mean * mean));
  term.low = std::max(term.low, mean - 6.0 * deviation);
  term.high = std::min(term.high, mean + 6.0 * deviation);
  if (term.low > term.high) term.low = term.high = mean;
  term.mean = mean;
  double clamped = 0.0, clamped_squares = 0.0;
  for (const std::uint32_t row : rows) {
    const float value = matrix.values[row * width + feature];
    if (std::isnan(value)) continue;
    const double x = term.Clamp(value) - mean;
    clamped += x;
    clamped_squares += x * x;
  }
  term.mean = mean + clamped / n;
  const double shift = clamped / n;
  term.deviation = std::sqrt(std::max(0.0, clamped_squares / n - shift * shift));
  if (term.deviation <= 1e-7 * std::max(1.0, std::fabs(term.mean))) term.deviation = 0.0;
  return term;
}

struct Model {
  std::vector<Term> terms;
  std::size_t slots = 0;  // per output
  std::size_t outputs = 1;
  std::vector<double>
      weights;  // [outputs × (1 + slots)], the intercept first; of standardised numbers
};

Model MakeTerms(const LearnerData& data, std::size_t outputs) {
  Model model{.terms = {}, .slots = 0, .outputs = outputs, .weights = {}};
  for (std::size_t f = 0; f < data.matrix->features.size(); ++f) {
    Term term;
    if (const int categories = data.matrix->features[f].categories; categories > 0) {
      term.categories = categories;
      term.slots = static_cast<std::size_t>(categories) + 1;
    } else {
      term = NumberTerm(*data.matrix, data.train, f);
      term.slots = term.has_missing ? 2 : 1;
    }
    term.first_slot = model.slots;
    model.slots += term.slots;
    model.terms.push_back(term);
  }
  model.weights.assign(outputs * (1 + model.slots), 0.0);
  return model;
}

// The training rows as the optimiser reads them: per row the (slot, value) pairs that are not zero.
struct Design {
  std::vector<std::uint32_t> starts{0};  // [rows + 1]
  std::vector<std::uint32_t> slots;
  std::vector<float> values;
};

Design MakeDesign(const LearnerData& data, const Model& model) {
  Design design;
  const std::size_t width = model.terms.size();
  design.starts.reserve(data.train.size() + 1);
  design.slots.reserve(data.train.size() * width);
  design.values.reserve(data.train.size() * width);
  const auto add = [&design](std::size_t slot, double value) {
    design.slots.push_back(static_cast<std::uint32_t>(slot));
    design.values.push_back(static_cast<float>(value));
  };
  for (const std::uint32_t row : data.train) {
    for (std::size_t f = 0; f < width; ++f) {
      const Term& term = model.terms[f];
      const float value = data.matrix->values[row * width + f];
      if (term.categories > 0) {
        add(term.Slot(value), 1.0);
      } else if (std::isnan(value)) {
        if (term.has_missing) add(term.first_slot + 1, 1.0);
      } else if (term.deviation > 0.0) {
        add(term.first_slot, (term.Clamp(value) - term.mean) / term.deviation);
      }
    }
    design.starts.push_back(static_cast<std::uint32_t>(design.slots.size()));
  }
  return design;
}

// The mean loss of the rows plus l2 / (2 · total weight) · |weights|², and its gradient. `target`,
// `weight`: [rows].
struct Loss {
  const Design& design;
  const Model& model;
  std::span<const double> target;
  std::span<const double> weight;
  TaskKind task;
  double l2;
  double total_weight;

  double operator()(std::span<const double> point, std::span<double> gradient) const {
    std::ranges::fill(gradient, 0.0);
    const std::size_t outputs = model.outputs;
    const std::size_t stride = 1 + model.slots;
    std::vector<double> margin(outputs);
    double loss = 0.0;
    for (std::size_t i = 0; i < target.size(); ++i) {
      const std::uint32_t begin = design.starts[i];
      const std::uint32_t end = design.starts[i + 1];
      for (std::size_t o = 0; o < outputs; ++o) {
        const double* w = point.data() + o * stride;
        double sum = w[0];
        for (std::uint32_t k = begin; k < end; ++k)
          sum += w[1 + design.slots[k]] * design.values[k];
        margin[o] = sum;
      }
      const double share = weight[i] / total_weight;
      loss += share * RowLoss(margin, target[i]);  // margin becomes the loss's derivative
      for (std::size_t o = 0; o < outputs; ++o) {
        const double d = share * margin[o];
        double* g = gradient.data() + o * stride;
        g[0] += d;
        for (std::uint32_t k = begin; k < end; ++k) g[1 + design.slots[k]] += d * design.values[k];
      }
    }
    const double penalty = l2 / total_weight;
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t s = 1; s < stride; ++s) {
        const double w = point[o * stride + s];
        loss += 0.5 * penalty * w * w;
        gradient[o * stride + s] += penalty * w;
      }
    }
    return loss;
  }

  double RowLoss(std::span<double> margin, double y) const {
    switch (task) {
      case TaskKind::kBinary: {
        const double m = margin[0];
        const double loss =
            (m > 0.0 ? std::log1p(std::exp(-m)) + m : std::log1p(std::exp(m))) - y * m;
        margin[0] = 1.0 / (1.0 + std::exp(-m)) - y;
        return loss;
      }
      case TaskKind::kMulticlass: {
        const double top = *std::ranges::max_element(margin);
        double sum = 0.0;
        for (const double m : margin) sum += std::exp(m - top);
        const auto label = static_cast<std::size_t>(y);
        const double loss = std::log(sum) + top - margin[label];
        for (double& m : margin) m = std::exp(m - top) / sum;
        margin[label] -= 1.0;
        return loss;
      }
      case TaskKind::kRegression: {
        margin[0] -= y;
        return 0.5 * margin[0] * margin[0];
      }
    }
    return 0.0;
  }
};

// The artefact, with scaling folded into the weights. `center` and `scale` undo the target's
// standardisation.
Json MakeArtefact(const Model& model, const Matrix& matrix, std::span<const std::uint32_t> rows,
                  double center, double scale) {
  const std::size_t width = model.terms.size();
  std::vector<double> intercept(model.outputs);
  for (std::size_t o = 0; o < model.outputs; ++o) {
    intercept[o] = model.weights[o * (1 + model.slots)] * scale + center;
  }
  Json features = Json::array();
  for (std::size_t f = 0; f < width; ++f) {
    const Term& term = model.terms[f];
    const auto slot = [&](std::size_t output, std::size_t index) {
      return model.weights[output * (1 + model.slots) + 1 + term.first_slot + index] * scale;
    };
    Json feature = {{"name", matrix.features[f].name}};
    Json weights = Json::array();
    Json missing = Json::array();
    if (term.categories > 0) {
      feature["categories"] = term.categories;
      std::vector<double> counts(term.slots, 0.0);
      for (const std::uint32_t row : rows)
        counts[term.Slot(matrix.values[row * width + f]) - term.first_slot] += 1.0;
      Json means = Json::array();
      for (std::size_t o = 0; o < model.outputs; ++o) {
        Json table = Json::array();
        double mean = 0.0;
        for (std::size_t c = 0; c < term.slots; ++c) {
          mean += counts[c] * slot(o, c) / static_cast<double>(rows.size());
          if (c + 1 < term.slots) table.push_back(slot(o, c));
        }
        weights.push_back(std::move(table));
        missing.push_back(slot(o, term.slots - 1));
        means.push_back(mean);
      }
      feature["mean_weights"] = std::move(means);
    } else {
      for (std::size_t o = 0; o < model.outputs; ++o) {
        const double weight = term.deviation > 0.0 ? slot(o, 0) / term.deviation : 0.0;
        intercept[o] -= weight * term.mean;
        weights.push_back(weight);
        missing.push_back(term.has_missing ? slot(o, 1) : 0.0);
      }
      feature["mean"] = term.mean;
      feature["fill"] = term.mean;
      feature["min"] = term.low;
      feature["max"] = term.high;
    }
    feature["weights"] = std::move(weights);
    feature["missing_weights"] = std::move(missing);
    features.push_back(std::move(feature));
  }
  return {{"format", 1},
          {"kind", "linear"},
          {"outputs", model.outputs},
          {"intercept", intercept},
          {"features", std::move(features)}};
}

// Margins as the runtime sums them: in double, feature by feature, rounded once.
std::vector<float> Margins(const Json& artefact, const Model& model, const Matrix& matrix,
                           std::span<const std::uint32_t> rows) {
  const std::size_t width = model.terms.size();
  // Flat copies: a lookup in a JSON document per cell is slow.
  const auto intercept = artefact["intercept"].get<std::vector<double>>();
  std::vector<double> weights(model.outputs * model.slots, 0.0);
  std::vector<double> missing(model.outputs * width, 0.0);
  for (std::size_t f = 0; f < width; ++f) {
    const Term& term = model.terms[f];
    for (std::size_t o = 0; o < model.outputs; ++o) {
      const Json& weight = artefact["features"][f]["weights"][o];
      double* to = weights.data() + o * model.slots + term.first_slot;
      if (term.categories > 0) {
        std::ranges::copy(weight.get<std::vector<double>>(), to);
      } else {
        *to = weight.get<double>();
      }
      missing[o * width + f] = artefact["features"][f]["missing_weights"][o].get<double>();
    }
  }
  std::vector<float> margins;
  margins.reserve(rows.size() * model.outputs);
  for (const std::uint32_t row : rows) {
    for (std::size_t o = 0; o < model.outputs; ++o) {
      double margin = intercept[o];
      for (std::size_t f = 0; f < width; ++f) {
        const Term& term = model.terms[f];
        const float value = matrix.values[row * width + f];
        const double* weight = weights.data() + o * model.slots;
        if (term.categories > 0) {
          const std::size_t slot = term.Slot(value);
          margin +=
              slot == term.first_slot + term.slots - 1 ? missing[o * width + f] : weight[slot];
        } else {
          margin += weight[term.first_slot] * term.Clamp(value);
          if (std::isnan(value)) margin += missing[o * width + f];
        }
      }
      margins.push_back(static_cast<float>(margin));
    }
  }
  return margins;
}

Result<Fitted> Fit(const LearnerData& data, const Settings& given, const LearnerContext& context) {
  RETURN_IF_ERROR(CheckFit(data, context));
  ASSIGN_OR_RETURN(const Settings settings, CheckSettings("learner 'linear'", kFields, given));
  const Matrix& matrix = *data.matrix;
  Model model = MakeTerms(data, NumOutputs(context));
  const Design design = MakeDesign(data, model);
  std::vector<double> target, weight;
  double total_weight = 0.0, center = 0.0, scale = 1.0;
  for (const std::uint32_t row : data.train) {
    target.push_back(matrix.target[row]);
    weight.push_back(matrix.weights.empty() ? 1.0 : matrix.weights[row]);
    total_weight += weight.back();
  }
  if (context.task == TaskKind::kRegression) {
    for (std::size_t i = 0; i < target.size(); ++i) center += weight[i] * target[i] / total_weight;
    double variance = 0.0;
    for (std::size_t i = 0; i < target.size(); ++i) {
      variance += weight[i] * (target[i] - center) * (target[i] - center) / total_weight;
    }
    scale = variance > 0.0 ? std::sqrt(variance) : 1.0;
    for (double& y : target) y = (y - center) / scale;
  }

  EarlyStopping clock(context, 0, 0);
  if (clock.OutOfTime()) return Fail(ErrorCode::kTimeout, "no time was left for a single round");
  const Loss loss{.design = design,
                  .model = model,
                  .target = target,
                  .weight = weight,
                  .task = context.task,
                  .l2 = NumberOf(settings, "l2"),
                  .total_weight = total_weight};
  const int most = context.fixed_rounds > 0
                       ? context.fixed_rounds
                       : static_cast<int>(IntegerOf(settings, "max_iterations"));
  const int done = Lbfgs(
      loss, [&] { return context.cancel.cancelled() || clock.OutOfTime(); },
      {.max_iterations = most}, model.weights);
  RETURN_IF_ERROR(context.cancel.Check());

  const Json artefact = MakeArtefact(model, matrix, data.train, center, scale);
  // A fit on other rows may need more iterations than this one did, so the limit is what is
  // remembered.
  return Fitted{.artefact = artefact.dump(),
                .file_ending = "json",
                .runtime = "linear",
                .rounds = clock.out_of_time() ? std::max(done, 1) : most,
                .rounds_run = done,
                .round_ms = clock.RoundMs(done),
                .out_of_time = clock.out_of_time(),
                .validation_margins = Margins(artefact, model, matrix, data.validation)};
}

}  // namespace

void Register(LearnerRegistry& registry) {
  registry.Add({.name = "linear",
                .label = {"Linear model", "线性模型"},
                .fields = kFields,
                .sample = Sample,
                .portfolio = static_cast<int>(kPortfolio.size()),
                .fit = Fit});
}

}  // namespace aimass::learners::linear
