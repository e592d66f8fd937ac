"""Endpoints: routes by weight, swaps without a gap, answers and what is wrong with a request."""

import threading
import time

import httpx
import pytest

from endpoints_helpers import NAMES, add_version, probability, train

ROW = {"age": 44, "spend": 120.5, "visits": 4}
