"""Whether the hub has a model, asked once before anything is loaded from it.

transformers asks for several files, each again and again: half a minute where no network is.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import CheckpointMissing

_WAIT_S = 10.0


def check_reachable(name_or_path: str) -> None:
    """Check that a model is a folder, lies in the cache of the hub, or can be asked of the hub.

    What else may be wrong with it (no access, another kind of model) is left to whoever loads it.

    Raises:
        CheckpointMissing: if it is none of these, with the cause.
    """
    if Path(name_or_path).is_dir():
        return
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    here = f"{name_or_path}: no such folder, and not in this machine's cache of the hub"
    try:
        if not isinstance(try_to_load_from_cache(name_or_path, "config.json"), str):
            get_hf_file_metadata(hf_hub_url(name_or_path, "config.json"), timeout=_WAIT_S)
    except HFValidationError as error:
        raise CheckpointMissing(
            f"{name_or_path}: no such folder, seen from {Path.cwd()}, and no name of the hub; expected one "
            "with config.json, or a name such as Qwen/Qwen2.5-1.5B-Instruct"
        ) from error
    except GatedRepoError:  # transformers says how to be let in
        return
    except RepositoryNotFoundError as error:
        raise CheckpointMissing(
            f"{here}; the hub has no such model, or shows it to its owner alone (HF_TOKEN)"
        ) from error
    except HfHubHTTPError:
        return
    except Exception as error:  # of whichever HTTP client the hub's package has
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointMissing(
            f"{here}, and the hub cannot be asked from here ({cause}); expected a folder with config.json, "
            "or a name of the hub where it is reached or has been loaded before"
        ) from error
