"""The demo's configuration as files, in the layout that `streamproc validate` and `streamproc apply` read.

`distr_leaving` is paused, `distr_readers_letter` a draft, and `distr_winter_sale` blocked: nobody has written its
validation rule. `rejected` holds a bad version of `distr_receipt`; the last good one stays in force.
Later come two manual distributions to a new segment, in `manual`; while they are held, `edited` replaces one and
`called_off` ends the other.
What has to come of it all is written down by hand in `streamproc.local.expectations`: change both together.
"""

from pathlib import Path

CONFIGURATION = Path(__file__).parent
REJECTED = CONFIGURATION / "rejected"
MANUAL = CONFIGURATION / "manual"
EDITED = CONFIGURATION / "edited"
CALLED_OFF = CONFIGURATION / "called_off"
