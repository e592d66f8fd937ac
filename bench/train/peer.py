"""The peer of the training measurement: peer.py MATRIX.npy TARGET.npy SETTINGS.json ROUNDS OUT.ubj [quantile].

XGBoost's own training from a NumPy array in memory. Prints the seconds from the array to the saved model.
"""

import json
import sys
import time

import numpy as np
import xgboost as xgb

x, y = np.load(sys.argv[1]), np.load(sys.argv[2])
settings, rounds, out = json.loads(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
started = time.perf_counter()
matrix = xgb.QuantileDMatrix(x, y) if "quantile" in sys.argv else xgb.DMatrix(x, y)
xgb.train(settings, matrix, rounds).save_model(out)
print(json.dumps({"seconds": time.perf_counter() - started}))
