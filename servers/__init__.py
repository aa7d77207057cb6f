"""turnwise.servers"""
