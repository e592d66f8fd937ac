"""What ours is measured beside. Each takes the training rows and gives predictions for the test rows: probabilities
[rows, classes], or values. Nothing of them is tuned here: what a user gets who installs the package and follows its
first page. Categories go in the way each library takes them natively."""

import pandas as pd


def _prepared(train: pd.DataFrame, test: pd.DataFrame, target: str):
    """Texts as pandas categories of the training rows, times as numbers; a category unseen is missing."""
    x, z = train.drop(columns=target).copy(), test.drop(columns=target).copy()
    for column in x:
        if pd.api.types.is_datetime64_any_dtype(x[column]):
            x[column], z[column] = x[column].astype("int64"), z[column].astype("int64")
        elif not pd.api.types.is_numeric_dtype(x[column]) or pd.api.types.is_bool_dtype(x[column]):
            x[column] = x[column].astype(str).where(x[column].notna()).astype("category")
            z[column] = pd.Categorical(z[column].astype(str).where(z[column].notna()), x[column].cat.categories)
    names = {column: f"f{i}" for i, column in enumerate(x)}
    return x.rename(columns=names), z.rename(columns=names)


def _fit(model, train, test, target, task, labels):
    x, z = _prepared(train, test, target)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model.fit(x, y.to_numpy())
    return model.predict(z) if task == "regression" else model.predict_proba(z)


def lightgbm(train, test, target, task, labels, seed, seconds):
    import lightgbm as lib
    kind = lib.LGBMRegressor if task == "regression" else lib.LGBMClassifier
    return _fit(kind(n_jobs=2, random_state=seed, verbosity=-1), train, test, target, task, labels)


def xgboost(train, test, target, task, labels, seed, seconds):
    import xgboost as lib
    kind = lib.XGBRegressor if task == "regression" else lib.XGBClassifier
    return _fit(kind(n_jobs=2, random_state=seed, enable_categorical=True), train, test, target, task, labels)


def hist_gradient_boosting(train, test, target, task, labels, seed, seconds):
    import sklearn.ensemble as lib
    kind = lib.HistGradientBoostingRegressor if task == "regression" else lib.HistGradientBoostingClassifier
    x, z = _prepared(train, test, target)
    wide = [c for c in x if isinstance(x[c].dtype, pd.CategoricalDtype) and len(x[c].cat.categories) > 255]
    for column in wide:  # it takes 255 categories at most: the others as their frequency
        share = x[column].value_counts(normalize=True)
        x[column], z[column] = x[column].map(share).astype(float), z[column].map(share).astype(float)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model = kind(random_state=seed, categorical_features="from_dtype").fit(x, y.to_numpy())
    return model.predict(z) if task == "regression" else model.predict_proba(z)


def flaml(train, test, target, task, labels, seed, seconds):
    import flaml as lib
    x, z = _prepared(train, test, target)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model = lib.AutoML()
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[task]
    model.fit(x, y.to_numpy(), task="regression" if task == "regression" else "classification", metric=metric,
              time_budget=seconds, n_jobs=2, seed=seed, verbose=0)
    return model.predict(z) if task == "regression" else model.predict_proba(z)


ALL = {"lightgbm": lightgbm, "xgboost": xgboost, "hist_gradient_boosting": hist_gradient_boosting, "flaml": flaml}
# Those that search until the time is over; the others take what they take.
BUDGETED = {"flaml"}
