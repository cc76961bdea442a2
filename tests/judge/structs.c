/* The headers whose structs and enums the tests in Python use. Nothing is computed here: structs.py
 * reads the compiler's debugging information of this file. */
#include "camrank/data.h"
#include "camrank/explain.h"
#include "camrank/image.h"
#include "camrank/loc.h"
#include "camrank/metric.h"
#include "camrank/npy.h"
#include "camrank/number.h"
#include "camrank/report.h"
#include "camrank/stat.h"
