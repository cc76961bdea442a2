/* How images are prepared for networks of well-known origin: the presets of `input:`. */
#include "camrank/image.h"

#include <string.h>

#define IMAGENET_MEAN          \
    {                          \
        0.485f, 0.456f, 0.406f \
    }
#define IMAGENET_STD           \
    {                          \
        0.229f, 0.224f, 0.225f \
    }

const cr_input_preset cr_input_presets[] = {
    {.name = "torchvision",
     .source = "torchvision's presets of classification, and what most of PyTorch takes from them",
     .spec = {.width = 224,
              .height = 224,
              .resize = CR_RESIZE_SHORT_SIDE,
              .short_side = 256,
              .filter = CR_FILTER_PIL_BILINEAR,
              .range = 1,
              .mean = IMAGENET_MEAN,
              .std = IMAGENET_STD}},
    {.name = "torchvision-bicubic",
     .source = "the same with bicubic resizing: torchvision's EfficientNets, DeiT, much of timm",
     .spec = {.width = 224,
              .height = 224,
              .resize = CR_RESIZE_SHORT_SIDE,
              .short_side = 256,
              .filter = CR_FILTER_PIL_BICUBIC,
              .range = 1,
              .mean = IMAGENET_MEAN,
              .std = IMAGENET_STD}},
    {.name = "caffe",
     .source = "Caffe's networks: convert_imageset to 256 x 256, BGR less the mean colour",
     .spec = {.width = 224,
              .height = 224,
              .resize = CR_RESIZE_SQUASH,
              .short_side = 256,
              .filter = CR_FILTER_OPENCV_LINEAR,
              .channels = CR_BGR,
              .range = 255,
              .mean = {104, 117, 123},
              .std = {1, 1, 1}}},
    {.name = "tensorflow",
     .source = "Keras' preprocess_input of mode tf, the whole image: -1 to 1",
     .spec = {.width = 224,
              .height = 224,
              .resize = CR_RESIZE_SQUASH,
              .filter = CR_FILTER_PIL_BILINEAR,
              .range = 1,
              .mean = {0.5f, 0.5f, 0.5f},
              .std = {0.5f, 0.5f, 0.5f}}},
    {.name = "inception",
     .source = "TF-Slim's inception_preprocessing: the central 87.5 % of each side, -1 to 1",
     .spec = {.width = 299,
              .height = 299,
              .resize = CR_RESIZE_SQUASH,
              .short_side = 342,
              .filter = CR_FILTER_OPENCV_LINEAR,
              .range = 1,
              .mean = {0.5f, 0.5f, 0.5f},
              .std = {0.5f, 0.5f, 0.5f}}},
    {.name = NULL},
};

const cr_input_preset *cr_input_preset_find(const char *name)
{
    for (const cr_input_preset *preset = cr_input_presets; preset->name; preset++)
        if (strcmp(preset->name, name) == 0)
            return preset;
    return NULL;
}
