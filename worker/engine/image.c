/* Images between networks: launches of kernels/image.cl. No state. */
#include "worker/engine/engine.h"

static int channel_count(const struct engine_image *form)
{
    return form->channels == ENGINE_GRAY ? 1 : 3;
}

static int check_form(const struct engine_image *form, struct error *err)
{
    if (form->height < 1 || form->width < 1 || form->height > 1 << 15 || form->width > 1 << 15)
        return error_set(err, E_INVALID, "an image of %zux%zu pixels", form->width, form->height);
    if (!(form->high > form->low))
        return error_set(err, E_INVALID, "image values from %g to %g", (double)form->low,
                         (double)form->high);
    return 0;
}

/* One work-item a pixel of the result, in groups of 64; releases the kernel. */
static int launch(struct device *device, cl_kernel kernel, size_t pixels, struct device_arg *args,
                  size_t count, struct error *err)
{
    size_t local = 64, global = (pixels + local - 1) / local * local;
    int failed = device_launch(device, kernel, 1, &global, &local, args, count, err);
    clReleaseKernel(kernel);
    return failed;
}

static int check_part(const struct engine_image *form, const struct engine_window *part,
                      struct error *err)
{
    bool inside = part->rows >= 1 && part->columns >= 1 && part->rows <= form->height &&
                  part->columns <= form->width && part->top <= form->height - part->rows &&
                  part->left <= form->width - part->columns;
    return inside ? 0
                  : error_set(err, E_INVALID,
                              "%zux%zu pixels at row %zu, column %zu of an image of %zux%zu",
                              part->columns, part->rows, part->top, part->left, form->width,
                              form->height);
}

/* What each channel is multiplied with after the mean. */
static cl_float4 inverse_deviation(const struct engine_image *form)
{
    cl_float4 scale = {{1, 1, 1, 1}};
    for (int c = 0; c < 3; c++)
        if (form->deviation[c] != 0)
            scale.s[c] = 1.0f / form->deviation[c];
    return scale;
}

int engine_image_convert(struct device *device, size_t rows, cl_mem from,
                         const struct engine_image *from_form, const struct engine_window *part,
                         cl_mem to, const struct engine_image *to_form, struct error *err)
{
    cl_kernel kernel;
    struct engine_window all = {0, 0, from_form->height, from_form->width};
    if (part && part->rows > 0)
        all = *part;
    int failed = check_form(from_form, err);
    if (!failed)
        failed = check_form(to_form, err);
    if (!failed)
        failed = check_part(from_form, &all, err);
    if (!failed)
        failed = device_kernel(device, "image.cl", "", "convert", &kernel, err);
    if (failed)
        return failed;
    cl_int4 sizes = {{(cl_int)from_form->height, (cl_int)from_form->width,
                      (cl_int)to_form->height, (cl_int)to_form->width}};
    cl_int4 window = {{(cl_int)all.top, (cl_int)all.left, (cl_int)all.rows, (cl_int)all.columns}};
    cl_int2 last = {{from_form->nhwc, to_form->nhwc}};
    cl_float4 mean = {{to_form->mean[0], to_form->mean[1], to_form->mean[2], 0}};
    cl_float4 inverse = inverse_deviation(to_form);
    cl_int4 channels = {{channel_count(from_form), channel_count(to_form),
                         from_form->channels == ENGINE_BGR, to_form->channels == ENGINE_BGR}};
    float scale = (to_form->high - to_form->low) / (from_form->high - from_form->low);
    cl_float4 range = {{from_form->low, scale, to_form->low, 0}};
    cl_ulong pixels = rows * to_form->height * to_form->width;
    struct device_arg args[] = {DEVICE_ARG(from),     DEVICE_ARG(to),      DEVICE_ARG(sizes),
                                DEVICE_ARG(window),   DEVICE_ARG(channels), DEVICE_ARG(last),
                                DEVICE_ARG(range),    DEVICE_ARG(mean),    DEVICE_ARG(inverse),
                                DEVICE_ARG(pixels)};
    return launch(device, kernel, pixels, args, sizeof args / sizeof *args, err);
}

/* Sixteen pixels a work-item, which is many times as fast where it is possible: it is in nearly all networks. */
static int pixels16(struct device *device, size_t rows, cl_mem image, const struct engine_image *form,
                    cl_mem pixels, struct error *err)
{
    cl_kernel kernel;
    int failed = device_kernel(device, "image.cl", "", "pixels16", &kernel, err);
    if (failed)
        return failed;
    cl_int size = (cl_int)(form->height * form->width / 16);
    cl_int channels = channel_count(form), swapped = form->channels == ENGINE_BGR;
    cl_float low = form->low, scale = 255.0f / (form->high - form->low);
    cl_ulong total = rows * (size_t)size;
    struct device_arg args[] = {DEVICE_ARG(image),   DEVICE_ARG(pixels), DEVICE_ARG(size),
                                DEVICE_ARG(channels), DEVICE_ARG(swapped), DEVICE_ARG(low),
                                DEVICE_ARG(scale),   DEVICE_ARG(total)};
    return launch(device, kernel, total, args, sizeof args / sizeof *args, err);
}

int engine_image_pixels(struct device *device, size_t rows, cl_mem image,
                        const struct engine_image *form, cl_mem pixels, struct error *err)
{
    cl_kernel kernel;
    int failed = check_form(form, err);
    if (!failed && !form->nhwc && form->height * form->width % 16 == 0 &&
        rows * form->height * form->width <= UINT32_MAX)
        return pixels16(device, rows, image, form, pixels, err);
    if (!failed)
        failed = device_kernel(device, "image.cl", "", "pixels", &kernel, err);
    if (failed)
        return failed;
    cl_int size = (cl_int)(form->height * form->width);
    cl_int channels = channel_count(form), swapped = form->channels == ENGINE_BGR;
    cl_int last = form->nhwc;
    cl_float low = form->low, scale = 255.0f / (form->high - form->low);
    cl_ulong total = rows * (size_t)size;
    struct device_arg args[] = {DEVICE_ARG(image),   DEVICE_ARG(pixels), DEVICE_ARG(size),
                                DEVICE_ARG(channels), DEVICE_ARG(swapped), DEVICE_ARG(last),
                                DEVICE_ARG(low),     DEVICE_ARG(scale),  DEVICE_ARG(total)};
    return launch(device, kernel, total, args, sizeof args / sizeof *args, err);
}
