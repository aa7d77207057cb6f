"""turnwise.agents"""
