"""turnwise.trainers"""
