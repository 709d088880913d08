"""Where unique codes come from: pools by campaign, and which customer was given which code.

`ledger` is the contract. `postgres` is the real one, with its `database`, `schema` and `sql`, the `keys` of what stands
there and the `making` of codes; `memory` is that of tests and simulations. `desk` stands between a code task and its
ledger, `levels` tell what is left, and `audit` reconciles the `books` with what was published and sent.
"""
