"""The people at the MSP's customers."""
