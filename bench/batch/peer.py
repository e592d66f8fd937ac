"""The peer of the batch measurement: peer.py MODEL IN.parquet OUT.parquet, with pyarrow and XGBoost.

The columns become a ready matrix, the matrix is predicted in place, and the input's columns go out with the answer's.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb

model, source, out = sys.argv[1:]
booster = xgb.Booster({"nthread": 2})
booster.load_model(model)
names = booster.feature_names
booster.feature_names = None
table = pq.read_table(source)
matrix = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32, copy=False)
p = booster.inplace_predict(matrix)
label = pa.array(np.where(p > 0.5, "1", "0"))
for name, column in (("prediction", label), ("probability_0", pa.array(1.0 - p.astype("f8"))),
                     ("probability_1", pa.array(p.astype("f8")))):
    table = table.append_column(name, column)
pq.write_table(table, out)
