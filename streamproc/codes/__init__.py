"""Where unique codes come from: pools by campaign, and which customer was given which code."""
