"""A peer and a relay written from PROTOCOL.md and the RFCs alone: no code of Turnpike is used."""
