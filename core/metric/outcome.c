/* Why a box is wrong. */
#include "camrank/metric.h"

#define KEY(name, key, title, meaning) key,
#define TITLE(name, key, title, meaning) title,
#define MEANING(name, key, title, meaning) meaning,
const char *const cr_outcome_keys[CR_N_OUTCOMES] = {CR_OUTCOME_LIST(KEY)};
const char *const cr_outcome_titles[CR_N_OUTCOMES] = {CR_OUTCOME_LIST(TITLE)};
const char *const cr_outcome_meanings[CR_N_OUTCOMES] = {CR_OUTCOME_LIST(MEANING)};

/* Pixels; doubles, so that boxes from a file cannot overflow. Exact below 2^53. */
static double area(cr_box box)
{
    const double width = (double)box.x1 - box.x0 + 1, height = (double)box.y1 - box.y0 + 1;
    return width > 0 && height > 0 ? width * height : 0;
}

static double shared_area(cr_box a, cr_box b)
{
    return area((cr_box){
        a.x0 > b.x0 ? a.x0 : b.x0,
        a.y0 > b.y0 ? a.y0 : b.y0,
        a.x1 < b.x1 ? a.x1 : b.x1,
        a.y1 < b.y1 ? a.y1 : b.y1,
    });
}

cr_outcome cr_outcome_of_box(cr_box box, const cr_box *truth, int n_truth)
{
    int n_half = 0;
    bool part = false, large = false, missed = true;
    for (int i = 0; i < n_truth; i++) {
        const double shared = shared_area(box, truth[i]);
        n_half += 2 * shared >= area(truth[i]);
        part = part || 4 * shared >= 3 * area(box);
        large = large || 4 * shared >= 3 * area(truth[i]);
        missed = missed && shared == 0;
    }
    return n_half >= 2 ? CR_OUTCOME_MERGED
           : part      ? CR_OUTCOME_PART
           : large     ? CR_OUTCOME_TOO_LARGE
           : missed    ? CR_OUTCOME_MISSED
                       : CR_OUTCOME_SHIFTED;
}
