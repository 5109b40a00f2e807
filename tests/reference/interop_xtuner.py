"""XTuner's own `xtuner chat`, asked on a processor: prints the tokens it generated as the last line, in JSON.

`interop.py` runs this in an environment of XTuner's time, which `cargo xtask interop` makes. XTuner moves what it loads
to a card; here that stays where it is. Nothing else of XTuner is changed. The question comes by standard input, as a
person would type it: the question, an empty line, EXIT, an empty line.
"""

import json
import sys

# A script beside this one is called like the library `tokenizers`.
sys.path.pop(0)

import torch
import transformers
from xtuner.tools import chat

torch.nn.Module.cuda = torch.Tensor.cuda = lambda self, *_: self
GENERATED = []
generate = transformers.GenerationMixin.generate


def noted(self, *arguments, **named):
    GENERATED.append(generate(self, *arguments, **named))
    return GENERATED[-1]


transformers.GenerationMixin.generate = noted
torch.set_num_threads(1)
try:
    chat.main()
except SystemExit:
    print(json.dumps([answer[0].tolist() for answer in GENERATED]))
