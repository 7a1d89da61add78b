def run(campaign, seconds):
    pass
