#pragma once

#include <cstdint>

// The functions of LightGBM 4.7's C API that are used here: its wheel ships the library without a
// header. lightgbm_test.cc calls each of them.
extern "C" {
using DatasetHandle = void*;
using BoosterHandle = void*;

const char* LGBM_GetLastError();
int LGBM_RegisterLogCallback(void (*callback)(const char*));
int LGBM_DatasetCreateFromMat(const void* data, int data_type, std::int32_t nrow, std::int32_t ncol,
                              int is_row_major, const char* parameters, DatasetHandle reference,
                              DatasetHandle* out);
int LGBM_DatasetSetFeatureNames(DatasetHandle handle, const char** feature_names,
                                int num_feature_names);
int LGBM_DatasetSetField(DatasetHandle handle, const char* field_name, const void* field_data,
                         int num_element, int type);
int LGBM_DatasetFree(DatasetHandle handle);
int LGBM_BoosterCreate(DatasetHandle train_data, const char* parameters, BoosterHandle* out);
int LGBM_BoosterLoadModelFromString(const char* model_str, int* out_num_iterations,
                                    BoosterHandle* out);
int LGBM_BoosterFree(BoosterHandle handle);
int LGBM_BoosterAddValidData(BoosterHandle handle, DatasetHandle valid_data);
int LGBM_BoosterUpdateOneIter(BoosterHandle handle, int* is_finished);
int LGBM_BoosterGetEvalCounts(BoosterHandle handle, int* out_len);
int LGBM_BoosterGetEval(BoosterHandle handle, int data_idx, int* out_len, double* out_results);
int LGBM_BoosterGetCurrentIteration(BoosterHandle handle, int* out_iteration);
int LGBM_BoosterGetNumFeature(BoosterHandle handle, int* out_len);
int LGBM_BoosterCalcNumPredict(BoosterHandle handle, int num_row, int predict_type,
                               int start_iteration, int num_iteration, std::int64_t* out_len);
int LGBM_BoosterPredictForMat(BoosterHandle handle, const void* data, int data_type,
                              std::int32_t nrow, std::int32_t ncol, int is_row_major,
                              int predict_type, int start_iteration, int num_iteration,
                              const char* parameter, std::int64_t* out_len, double* out_result);
int LGBM_BoosterSaveModelToString(BoosterHandle handle, int start_iteration, int num_iteration,
                                  int feature_importance_type, std::int64_t buffer_len,
                                  std::int64_t* out_len, char* out_str);
}
