"""What every model on PyTorch and transformers shares; names with ``_`` are no parts themselves.

How a family is added, in one file of ``videoseg/models/``:

* Make a dataclass of ``model.TorchSegmenter`` (answers with masks) or of ``model.TorchModel``
  (anything else, such as a grounder), and write ``_check`` (refuse prompts) and ``_build`` (make
  the network from a folder with ``networks.weights.load``; it must be a class of transformers, of
  which the module may be imported only there: ``transformers.X`` itself works without torchvision).
* A segmenter writes ``_answer(images, prompts)``, which starts the work on the device and gives
  ``answers.Candidates``: for one prompt the mask logits (F, N, h, w) and scores (F, N) of the F
  frames of ``images``, as tensors that are still being computed. Nothing in it may wait for the
  device (no ``.item()``, ``.cpu()``, ``bool(tensor)``, ``nonzero``): choosing, cutting out and
  packing happen later, in ``answers.Answer``, while the device is at the next batch. A family that
  cannot do without waiting may override ``submit``, or ``segment`` alone. Frames that are asked
  different things come one after the other; a family that can decode all at once overrides
  ``_answers(images, questions)`` instead (``promptable.Promptable.answers``).
* ``_look(images)`` is what depends on frames alone, and is what ``--compile`` warms up; ``_build``
  hands all parts of the network that run on frames to ``self._compile``. What is compiled gets
  batches of few sizes: the last one is filled up, and ``Question.filled`` says with what.
* Frames come as ``images.Images``: uint8 on the device, all of one size. ``images.squeezed`` and
  ``images.letterboxed`` make them what the network takes and say with a ``Placement`` where the
  frame lies in it; ``Placement.to_model`` and ``to_source`` map coordinates on the pixel-edge grid.
* What depends on a frame or phrase alone goes through ``self._of_images(images, make)`` and
  ``self._of_text(phrase, make)``: computed once, then remembered.
* One class for each name, which differs in its ``card``: ``weights`` is ``("org/name@revision",)``
  with the full commit hash, ``packages`` at least ``networks.device.PACKAGES``, ``memory`` the
  megabytes that asking one frame takes in all, ``rank`` how ``--model auto`` likes it.
* ``PARTS = {"name": Class}``.

Tests build a tiny random configuration of the real class, save it into a folder with
``tests.support.torch_models``, and load it through the setting ``weights=FOLDER``.
"""
