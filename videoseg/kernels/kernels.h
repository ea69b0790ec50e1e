/* What all sources of the compiled library have in common. */
#ifndef VIDEOSEG_KERNELS_H
#define VIDEOSEG_KERNELS_H

#include <stdint.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#endif
