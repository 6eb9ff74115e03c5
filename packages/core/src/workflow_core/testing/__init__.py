"""What tests of this platform, and of integrations for it, can build on."""
