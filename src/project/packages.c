/* SPDX-License-Identifier: MIT */
#include "project/packages.h"

#include <string.h>

static const char *const common[] = { "pandas>=2.0", "numpy>=1.24", "scikit-learn>=1.3",
        "matplotlib>=3.7", "seaborn>=0.12", NULL };
static const char *const notebook[] = { "jupyterlab", "ipykernel", "ipywidgets", NULL };

/* A "+" in front: the package requires PyTorch. */
static const struct type_packages {
        const char *type, *heading;
        const char *pip[10];
        const char *apt[4];
} types[] = {
        { "ml", "Machine learning", { "xgboost", "lightgbm", "catboost", "optuna", "shap" },
                { NULL } },
        { "cv", "Computer vision",
                { "+timm", "albumentations", "opencv-python-headless", "+kornia", "+ultralytics" },
                { "libgl1", "libglib2.0-0" } },
        { "nlp", "Language",
                { "transformers", "datasets", "tokenizers", "+accelerate", "sentencepiece", "+peft",
                        "safetensors", "evaluate" },
                { NULL } },
        { "rl", "Reinforcement learning", { "gymnasium", "+stable-baselines3" }, { NULL } },
        { "audio", "Audio and speech", { "librosa", "soundfile", "audiomentations" },
                { "ffmpeg", "libsndfile1" } },
        { "ts", "Time series", { "statsmodels", "prophet", "darts" }, { NULL } },
        { "llm",
                "Large language models; vllm replaces the PyTorch of the image by the version it "
                "asks for",
                { "+vllm", "+bitsandbytes", "langchain", "einops" }, { NULL } },
};

static const struct type_packages *find_type(const char *type)
{
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (strcmp(types[i].type, type) == 0)
                        return &types[i];
        return NULL;
}

static void add_list(struct buf *b, const char *heading, const char *const *list)
{
        buf_printf(b, "\n# %s\n", heading);
        for (; *list; list++)
                buf_printf(b, "%s\n", *list);
}

static void add_type(struct buf *b, const struct type_packages *t, bool pytorch)
{
        bool skipped = false;
        buf_printf(b, "\n# %s\n", t->heading);
        for (size_t i = 0; i < ARRAY_LEN(t->pip) && t->pip[i]; i++) {
                bool needs_pytorch = *t->pip[i] == '+';
                if (needs_pytorch && !pytorch)
                        skipped = true;
                else
                        buf_printf(b, "%s\n", t->pip[i] + needs_pytorch);
        }
        if (!skipped)
                return;
        buf_str_add(b, "# These install PyTorch as well; remove the # if that is wanted.\n");
        for (size_t i = 0; i < ARRAY_LEN(t->pip) && t->pip[i]; i++)
                if (*t->pip[i] == '+')
                        buf_printf(b, "#%s\n", t->pip[i] + 1);
}

void packages_add_requirements(struct buf *b, const char *type, const char *framework, bool jupyter)
{
        const struct type_packages *t = find_type(type);
        if (t) {
                add_list(b, "Data science", common);
                add_type(b, t, str_eq(framework, "pytorch"));
        } else if (!jupyter) {
                buf_str_add(b, "# None yet. For example: numpy>=1.26\n");
        }
        if (jupyter)
                add_list(b, "Notebooks", notebook);
}

void packages_list_apt(const char *type, struct strv *ret)
{
        const struct type_packages *t = find_type(type);
        for (size_t i = 0; t && i < ARRAY_LEN(t->apt) && t->apt[i]; i++)
                strv_add(ret, t->apt[i]);
}
