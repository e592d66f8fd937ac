"""The peer: FastAPI and uvicorn (uvloop, httptools) over XGBoost, one worker, as its documentation shows it.

It does what the endpoint of AI Mass does: checks a bearer key, reads rows of named columns, answers with label and
probabilities. The fastest form of each part is used: a coroutine instead of a thread pool, in-place prediction instead
of a DMatrix, one thread.
"""

import os

import numpy as np
import uvicorn
import xgboost as xgb
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

app = FastAPI()
booster = xgb.Booster({"nthread": 1})
booster.load_model(os.environ["BENCH_MODEL"])
booster.set_param({"nthread": 1})
names = booster.feature_names
booster.feature_names = None
key = f"Bearer {os.environ['BENCH_KEY']}"


class Body(BaseModel):
    rows: list[dict[str, float]]


@app.post("/predict")
async def predict(body: Body, authorization: str = Header()):
    if authorization != key:
        raise HTTPException(401)
    x = np.array([[row[name] for name in names] for row in body.rows], dtype=np.float32)
    answers = [{"label": "1" if p > 0.5 else "0", "probabilities": {"0": 1 - p, "1": p}}
               for p in booster.inplace_predict(x).tolist()]
    return {"predictions": answers, "model": "bench", "version": 1, "warnings": []}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), log_level="warning", access_log=False)
