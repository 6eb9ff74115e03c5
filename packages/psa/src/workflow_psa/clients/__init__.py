"""The MSP's customers."""
