/* What is made of the logits of an image: the classes in their order, a mean over views, a softmax. */
#include "logits.h"

#include <math.h>
#include <stddef.h>

void cr_logits_rank(const float *logits, int n_classes, int32_t top[CR_TOP])
{
    int n = 0;
    for (int c = 0; c < n_classes; c++) {
        int at = n;
        while (at > 0 && logits[c] > logits[top[at - 1]])
            at--;
        if (at == CR_TOP)
            continue;
        if (n < CR_TOP)
            n++;
        for (int i = n - 1; i > at; i--)
            top[i] = top[i - 1];
        top[at] = c;
    }
    for (; n < CR_TOP; n++) /* a network of fewer classes */
        top[n] = -1;
}

void cr_logits_average(const float *of_views, int n_views, int n_classes, float *logits)
{
    for (int c = 0; c < n_classes; c++) {
        double sum = 0;
        for (int view = 0; view < n_views; view++)
            sum += (double)of_views[(size_t)view * (size_t)n_classes + (size_t)c];
        logits[c] = (float)(sum / (double)n_views);
    }
}

double cr_logits_log_sum(const float *logits, int n_classes)
{
    double largest = logits[0];
    for (int c = 1; c < n_classes; c++)
        largest = fmax(largest, (double)logits[c]);
    double sum = exp((double)logits[0] - largest);
    for (int c = 1; c < n_classes; c++)
        sum += exp((double)logits[c] - largest);
    return largest + log(sum);
}
